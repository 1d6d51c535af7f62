import type { Visitor } from "fastauth-django-client/server";

declare global {
  namespace App {
    interface Locals {
      visitor: Visitor;
    }
  }
}

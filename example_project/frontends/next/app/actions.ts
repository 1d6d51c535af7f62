"use server";

import { revalidatePath } from "next/cache";
import { headers } from "next/headers";

import { django } from "@/lib/django";

export async function addNote(form: FormData) {
  const body = new URLSearchParams({ text: String(form.get("text")) });
  const response = await django.visitor(await headers()).fetch("/api/notes/", { method: "POST", body });
  if (!response.ok) throw new Error(`Django answered ${response.status}: ${await response.text()}`);
  revalidatePath("/");
}

import { createServerClient } from "fastauth-django-client/server";

export const django = createServerClient({
  baseUrl: `${process.env.API_URL ?? "http://127.0.0.1:8000"}/auth/`,
  accessCookieName: process.env.COOKIE_NAME_ACCESS,
  refreshCookieName: process.env.COOKIE_NAME_REFRESH,
});

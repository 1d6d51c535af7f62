import { env } from "$env/dynamic/private";
import { createServerClient } from "fastauth-django-client/server";

export const django = createServerClient({
  baseUrl: `${env.API_URL ?? "http://127.0.0.1:8000"}/auth/`,
  accessCookieName: env.COOKIE_NAME_ACCESS,
  refreshCookieName: env.COOKIE_NAME_REFRESH,
});

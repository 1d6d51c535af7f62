import { django } from "@/lib/django";

export async function GET(request: Request) {
  const response = await django.visitor(request).fetch("/api/notes/");
  return Response.json(await response.json(), { status: response.status });
}

export async function POST(request: Request) {
  const body = JSON.stringify({ text: await request.text() });
  const headers = { "Content-Type": "application/json" };
  const response = await django.visitor(request).fetch("/api/notes/", { method: "POST", headers, body });
  return Response.json(await response.json(), { status: response.status });
}

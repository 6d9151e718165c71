/** A small client of the local API server, with the administrator's certificate. */
import { readFileSync } from "node:fs";
import type { Settings } from "./settings.ts";

export interface ApiResponse {
  readonly status: number;
  /** Parsed JSON, or the text when it is none. */
  readonly body: unknown;
}

export interface ApiClient {
  request(method: string, path: string, body?: unknown): Promise<ApiResponse>;
  /** Server-side apply of one object; creates or updates. */
  apply(path: string, object: unknown): Promise<ApiResponse>;
}

/** Throws the connection's error when nobody listens. */
export function openApi(settings: Settings): ApiClient {
  const { paths } = settings;
  const base = `https://${settings.apiHost}:${settings.apiPort}`;
  const tls = {
    ca: readFileSync(paths.serverCa, "utf8"),
    cert: readFileSync(paths.adminCrt, "utf8"),
    key: readFileSync(paths.adminKey, "utf8"),
  };
  const send = async (
    method: string,
    path: string,
    type: string,
    body?: unknown,
  ): Promise<ApiResponse> => {
    const response = await fetch(`${base}${path}`, {
      method,
      tls,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": type }),
      },
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    let parsed: unknown = text;
    try {
      parsed = JSON.parse(text);
    } catch {
      // `ok` of /readyz is no JSON.
    }
    return { status: response.status, body: parsed };
  };
  return {
    request: (method, path, body) =>
      send(
        method,
        path,
        method === "PATCH" ? "application/merge-patch+json" : "application/json",
        body,
      ),
    apply: (path, object) =>
      send("PATCH", `${path}?fieldManager=k3s&force=true`, "application/apply-patch+yaml", object),
  };
}

/** A field of a parsed JSON value, by path; undefined when it is not there. */
export function field(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (current === null || typeof current !== "object") return undefined;
    current = Array.isArray(current)
      ? current[Number(key)]
      : Object.entries(current).find(([name]) => name === key)?.[1];
  }
  return current;
}

/** A field as text; "" when it is absent or no scalar. */
export function textField(value: unknown, ...path: readonly (string | number)[]): string {
  const found = field(value, ...path);
  return typeof found === "string" || typeof found === "number" ? String(found) : "";
}

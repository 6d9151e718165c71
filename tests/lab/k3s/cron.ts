/** The two forms of a schedule that matter: five cron fields, and `@every 10s`. */

/** A question to be asked once a second: is the schedule due now? Local time counts; each due minute answers once. */
export function due(schedule: string): (now: Date) => boolean {
  const [, count, unit] = /^@every (\d+)([smh])$/.exec(schedule) ?? [];
  if (count !== undefined) {
    const period = Number(count) * ({ s: 1, m: 60, h: 3600 }[unit ?? "s"] ?? 1) * 1000;
    let next = Date.now() + period;
    return (now) => {
      if (now.getTime() < next) return false;
      next += period;
      return true;
    };
  }
  const fields = schedule.trim().split(/\s+/).map(parseField);
  let answered = "";
  return (now) => {
    const parts = [
      now.getMinutes(),
      now.getHours(),
      now.getDate(),
      now.getMonth() + 1,
      now.getDay(),
    ];
    const minute = now.toISOString().slice(0, 16);
    if (minute === answered || !parts.every((part, index) => fields[index]?.(part) ?? true))
      return false;
    answered = minute;
    return true;
  };
}

function parseField(text: string): (value: number) => boolean {
  const tests = text.split(",").map((piece) => {
    const [range = "*", step = "1"] = piece.split("/");
    const [low = "0", high = low] = range === "*" ? ["0", "99"] : range.split("-");
    return (value: number) =>
      value >= Number(low) && value <= Number(high) && (value - Number(low)) % Number(step) === 0;
  });
  return (value) => tests.some((test) => test(value));
}

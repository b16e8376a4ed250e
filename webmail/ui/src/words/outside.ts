// The words of the pages for strangers, as files of their own: they fetch no others.
export const outside = import.meta.glob<{ default: { [key: string]: string } }>("./*.json", { query: "?part=outside" });

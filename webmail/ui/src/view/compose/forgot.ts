// Did the writer mean to attach something?

// Beginnings of words by which people speak of what they attach, in many languages. A mail
// that says so and has no file is asked about; the answer is always the writer's.
const words = [
  "attach", "enclos", // en
  "anhang", "anhäng", "angehängt", "beigefügt", "anbei", "anlage", // de
  "pièce jointe", "pièces jointes", "ci-joint", "en pj", // fr
  "adjunt", // es, ca
  "allegat", "in allegato", // it
  "anex", "em anexo", // pt
  "bijlage", "bijgevoegd", // nl
  "załącz", // pl
  "прикреп", "вложен", "во вложении", // ru
  "مرفق", "ملحق", // ar
  "מצורף", "מצורפת", "צירפתי", // he
  "添付", // ja
  "附件", "附上", // zh
  "bifoga", "bilaga", "vedlagt", "vedhæft", "liite", // sv, no, da, fi
];
const pattern = new RegExp(`(?:^|[^\\p{L}])(?:${words.join("|")})`, "iu");
const cjk = /添付|附件|附上/u;

// forgotten says whether a text without quotes speaks of a file and there is none.
export function forgotten(text: string, subject: string, files: number): boolean {
  if (files > 0) return false;
  const own = `${subject.replace(/^(?:(?:re|aw|fwd?|wg|tr|rv|sv|vs|回复|返信)\s*:\s*)+/iu, " ")}\n${text}`.slice(0, 20_000).normalize("NFC");
  return pattern.test(own) || cjk.test(own);
}

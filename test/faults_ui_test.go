package test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A uiFault is a bug put into the browser's side on purpose.
type uiFault struct {
	attack   string // its row in docs/threats.md
	file     string // where the fault goes, from webmail/ui/src
	old, new string // old must stand there exactly once
	spec     string // the guard: a file, and the beginning of a test's name
	test     string
}

// faultsUI are sown into a copy of webmail/ui, one after the other.
var faultsUI = []uiFault{
	{"A01", "vault/box.ts", " || box[0] !== version", "", "vault/vault.test.ts", "gets nothing from a container with any byte changed"},
	{"A02", "vault/argon.ts", " || !strong", "", "vault/vault.test.ts", "cannot lower the key derivation"},
	{"A02", "vault/argon.ts", "[floor, seen]", "[floor]", "vault/vault.test.ts", "cannot make a weaker derivation pass"},
	{"A03", "vault/device.ts", "ring.version < pins.version || ", "", "vault/vault.test.ts", "cannot go back behind what this browser has seen"},
	{"A03", "vault/box.ts", "additionalData: contextBytes(c)", "additionalData: contextBytes({ ...c, purpose: \"\", name: \"\" })", "vault/vault.test.ts", "cannot put one container in another's place"},
	{"A03", "model/cabinet.ts", "i.version < known.version || (", "(", "model/cabinet.test.ts", "an older version of a box is an alarm"},
	{"A03", "model/better.ts", "if (was && !mail.card_matches) {", "if (was && false) {", "model/cabinet.test.ts", "a card of another mail is found out"},
	{"A03", "vault/parcel.ts", "\\n${foldAddress(to)}`", "`", "vault/parcel.test.ts", "does not take an answer that somebody else wrote"},
	{"A03", "vault/parcels.ts", "now!.fingerprint === was!.fingerprint && ", "", "vault/rotate.test.ts", "goes to the key that holds now"},
	{"B04", "model/trust.ts", "pin ? state(\"key-changed\", \"caution\", values) : ", "", "model/trust.test.ts", "signed by a key nobody knows, of somebody whose key is known"},
	{"F01", "model/outbox.ts", "...said, html: \"\"", "text: said.text + draft.text, html: \"\"", "model/parcels.test.ts", "who has no key gets a link"},
	{"F04", "model/session.ts", "this.#parts.memory.set(LOCKING, \"yes\");", "", "model/session.test.ts", "whoever reloads while it locks finds it locked"},
	{"A10", "model/attach/copies.ts", "(reader === \"readable\" ? d.linksAs : \"link\")", "\"link\"", "model/attach/attach.test.ts", "who has none: nothing leaves before somebody chose, and then what was chosen"},
	{"A10", "model/attach/copies.ts", "    if (tells(d, password)) throw", "    if (false) throw", "model/attach/attach.test.ts", "a password never leaves beside its link"},
	{"A10", "model/outbox.ts", "copies.get(reader) ??", "copies.get([...copies.keys()][0] ?? reader) ??", "model/attach/attach.test.ts", "those with keys and those without get links of their own"},
	{"A10", "files/address.ts", "    if (new URL(url).href !== url) return null;", "    new URL(url);", "files/address.test.ts", "a link to a file is known by its form, to the letter"},
	{"A04", "vault/openpgp.ts", "    await packet.validate();\n", "", "vault/vault.test.ts", "cannot have a changed secret key used"},
	{"A08", "model/pins.ts", "if (other && !pin.refused.includes(other.fingerprint)) {", "if (other && false) {", "model/cabinet.test.ts", "another key blocks writing"},
	{"A08", "model/pins.ts", "    if (now && now.fingerprint !== this.#parts.fingerprint) {", "    if (now && false) {", "model/cabinet.test.ts", "our own key, when others are shown another"},
	{"A03", "vault/exchange.ts", "      out.push(whole);\n      continue;", "      continue;", "vault/rotate.test.ts", "does not touch what is not for the owner"},
	{"A04", "vault/openpgp.ts", "(k as Subkey).revocationSignatures.length === 0", "false", "vault/rotate.test.ts", "a subkey without a secret that nobody revoked"},
	{"A08", "model/pins.ts", "shown.encryption === own.encryption ||", "own.encryption !== \"\" ||", "model/reseal.test.ts", "our old one, after it was replaced"},
	{"A08", "model/pins.ts", "madeAt(now) < madeAt(was) || (", "(", "model/reseal.test.ts", "a correspondent's newer one"},
	{"A14", "vault/subkeys.ts", "    next.subkeys[i] = await s.revoke(", "    if (i < 0) next.subkeys[i] = await s.revoke(", "vault/rotate.test.ts", "binds another subkey"},
	{"A12", "vault/argon.ts", " || !within", "", "vault/vault.test.ts", "cannot lower the key derivation"},
	{"A12", "vault/openpgp.ts", "    maxArgon2MemoryExponent: maxArgon2,\n", "", "vault/mail.test.ts", "asks a passphrase for no more than 256 MiB"},
	{"C08", "wire/http.ts", "if (c.proof && this.proof !== \"\")", "if (c.proof && c.json !== undefined && this.proof !== \"\")", "model/proving.test.ts", "the owner is asked once"},
	{"C08", "model/session.ts", "    this.#parts.api.forgetProof();\n    this.#parts.memory", "    this.#parts.memory", "model/proving.test.ts", "the owner is asked once"},
	{"B01", "vault/reading.ts", "innerMessage(content, tree, key, keys)", "innerMessage(content, tree.parts[1] ?? tree, key, keys)", "vault/mail.test.ts", "does not join what was encrypted with what stood around it"},
	{"B02", "vault/packets.ts", "if (at === 0 || p.next !== b.length) throw closed();", "", "vault/mail.test.ts", "refuses what is no PKESK and SEIPD"},
	{"B03", "view/compose/addresses.ts", "decode(value).replace(/[\\r\\n]+/gu, \" \")", "decode(value)", "view/compose/addresses.test.ts", "come from mailto: links without files"},
	{"B04", "model/trust.ts", "if (worst !== \"bad\") return", "return", "model/trust.test.ts", "a bad signature never looks good"},
	{"B04", "model/trust.ts", "!s.from_matches || m.from.length !== 1", "false", "model/trust.test.ts", "a good signature is verified only for the one sender"},
	{"B05", "vault/verify.ts", " || more.length > 0", "", "vault/mail.test.ts", "say nothing where they cover only a part"},
	{"B06", "vault/openpgp.ts", "    maxDecompressedMessageSize: maxOpened,\n", "", "vault/mail.test.ts", "stops a compressed message at 64 MiB"},
	{"B09", "vault/reading.ts", "v.outer === null ? [] : await differing(f, v.outer)", "[]", "vault/mail.test.ts", "tells of a From that is another outside"},
	{"B09", "vault/reading.ts", "s.from_matches && from }", "s.from_matches }", "vault/mail.test.ts", "says that the sender is not protected where only the subject is"},
	{"B09", "model/trust.ts", "      if (!s.from_signed) return state(\"signed-sender-open\", \"plain\", values);\n", "", "model/trust.test.ts", "a sender that stood outside of what was signed"},
	{"B11", "vault/reading.ts", "inside === null ? readVerdict(trace, from) : noVerdict", "readVerdict(trace, from)", "vault/mail.test.ts", "are not believed from a sender who encrypts a seal"},
	{"A05", "vault/reading.ts", "inside === null && view.content === entity && { places", "view.content === entity && { places", "vault/mail.test.ts", "shows what its server cut out as the attachment"},
	{"A05", "vault/reading.ts", "at.start === p.start && at.end === p.end", "at.start <= p.end", "vault/mail.test.ts", "shows what its server cut out as the attachment"},
	{"A06", "model/attach/cutout.ts", "    if (!equal(new Uint8Array(", "    if (!equal(p.cut.hash, p.cut.hash) && !equal(new Uint8Array(", "model/attach/cutout.test.ts", "is not given out with another content"},
	{"A05", "files/link.ts", "extra: objectText(o) + line", "extra: line", "files/beside.test.ts", "open for their secret and their object alone"},
	{"A06", "files/open.ts", "    if (source.size !== sealedSize(head.length)) throw closed();\n", "", "files/files.test.ts", "opens with no octet changed, cut off or put behind"},
	{"A06", "files/open.ts", "    checkZeros(plain.subarray(n));\n", "", "files/files.test.ts", "hides nothing behind its end"},
	{"A06", "files/seal.ts", "    this.#secret = null;\n", "", "files/files.test.ts", "is sealed once under its secret, and no longer than can be"},
	{"A07", "vault/box.ts", "if (!equal(commitment, box.subarray(33, head))) throw closed();", "void commitment;", "files/beside.test.ts", "commit to the key that opens them"},
	{"A11", "files/sizes.ts", "return Math.ceil(n / step) * step;", "return n + 0 * step;", "files/files.test.ts", "comes back, in sizes that are buckets"},
	{"D11", "files/names.ts", "const unfit = /[/\\p{Cc}", "const unfit = /[\\p{Cc}", "files/beside.test.ts", "are judged, cleaned and saved as Go does"},
	{"A06", "shared/fetching.ts", "got.value.subarray(0, size - at);", "got.value;", "shared/hostile.test.ts", "is as long as was asked for, of a server that sends all of the file or never ends"},
	{"A05", "drive/upload.ts", "!(f.part >= partLeast && f.part <= partMost)", "!(f.part > 0)", "shared/hostile.test.ts", "is not made octet by octet, nor held whole, nor under what is no id, nor taken for complete"},
	{"C04", "view/reader/files.ts", "new Set([\"image/png\",", "new Set([\"image/svg+xml\", \"image/png\",", "view/reader/files.test.ts", "a kind is taken from the type"},
	{"A10", "shared/keeper.ts", "`/${id}`, \"GET\", {})", "`/${id}`, \"GET\", { \"Link-Secret\": secret })", "shared/shared.test.ts", "opens for its secret, which no request has"},
	{"A06", "shared/opened.ts", "      end({ broken: true });", "      end({ end: true });", "shared/shared.test.ts", "of a file with another octet never ends as whole: its end"},
	{"D12", "model/drive/asks.ts", "drive.add(folder, entry, true)", "drive.add(folder, entry)", "model/drive/asks.test.ts", "what is asked for stands under the secret, and what comes is opened"},
	{"A06", "drive/upload.ts", "if (sealing.length !== length) throw", "if (false) throw", "asked/asked.test.ts", "a file that cannot be read to its end is not completed"},
	{"A10", "asked/carrier.ts", "fetched(fetch, \"omit\")", "fetched(fetch, \"same-origin\")", "asked/asked.test.ts", "a file arrives sealed to its owner alone"},
	{"memory", "drive/upload.ts", "f.parts > mostParts ? this.shelf : noShelf", "noShelf", "drive/shelf.test.ts", "goes from the disk, and leaves nothing there"},
	{"memory", "drive/shelf.ts", "if (!alive.has(lockOf(name.slice(0, mine.length)))) await at.removeEntry", "await at.removeEntry", "drive/shelf.test.ts", "by a tab that was closed is thrown away"},
	{"A10", "vault/engine.ts", "kdf.slice().buffer", "kdf.buffer", "vault/linking.test.ts", "the page takes over what a link is made of"},
	{"A03", "model/drive/boxes.ts", "cabinet.look(drawer, id, least);", "cabinet.look(drawer, id, 0);", "model/drive/drive.test.ts", "takes no older folder than this device has seen"},
	{"A03", "model/drive/boxes.ts", "      if (id !== root) throw new DriveError(\"gone\"); // never an empty one\n", "", "model/drive/drive.test.ts", "takes no folder in another's place"},
	{"A06", "model/drive/drive.ts", "!stays[i] && brought.includes(x.e) && x.why", "!stays[i] && x.why", "model/drive/drive.test.ts", "loses nothing where two move one file"},
	{"A06", "model/drive/drive.ts", "if (!(e instanceof ApiError && e.temporary)) await this.#boxes.drop(id)", "await this.#boxes.drop(id)", "model/drive/drive.test.ts", "leaves a folder in place that may have been made"},
	{"A06", "model/drive/drive.ts", "if (entry.trashed > 0 && !entry.doomed) all.push", "if (entry.trashed > 0) all.push", "model/drive/drive.test.ts", "deletes many in few requests"},
	{"D13", "drive/upload.ts", "if (this.id !== \"\") await this.wire", "if (this.id === \"\") await this.wire", "model/drive/drive.test.ts", "that is cancelled gives its room back"},
	{"A06", "shared/fetching.ts", "      checkRange(r, at);\n", "", "shared/shared.test.ts", "takes no answer that begins elsewhere"},
	{"A06", "shared/bridge.ts", "controller.error(new TypeError(\"the file is not whole\"))", "controller.close()", "shared/shared.test.ts", "fails a download whose file is not whole"},
	{"C04", "shared/bridge.ts", "!b.save && media.test(b.type)", "!b.save", "shared/shared.test.ts", "is sound or moving pictures"},
	{"C04", "shared/media.ts", "? \"audio/mpeg\" : \"\"", "? \"audio/mpeg\" : said", "shared/shared.test.ts", "is what the bytes say"},
	{"C05", "vault/methods.ts", "\"create\", \"attach\"", "\"session\" as \"create\", \"create\", \"attach\"", "vault/vault.test.ts", "tells one word of any failure, and reaches nothing else"},
	{"F01", "vault/seal/outer.ts", "if (level === \"open\") both([fold(", "both([fold(", "vault/seal/seal.test.ts", "shows what the level shows, and no more"},
	{"F01", "vault/seal/seal.ts", "const pad = paddingFor(front + edited, (n) => j.letters.size(n, true));", "const pad = 0;", "vault/seal/seal.test.ts", "comes back to the byte, in its class"},
	{"B10", "vault/seal/seal.ts", "encrypted ? \"both\" : \"sealed on arrival\"", "\"both\"", "vault/seal/seal.test.ts", "comes back to the byte, in its class"},
	{"B10", "vault/seal/ciphertext.ts", "recipients(packets.subarray(0, head)).some(([id, algorithm]) => owns(id, algorithm))", "recipients(packets.subarray(0, head)).length > 0", "vault/seal/seal.test.ts", "is sealed whole where that is asked"},
	{"A08", "vault/seal/seal.ts", "if (this.certificate.key.getFingerprint().toUpperCase() !== fingerprint) throw new VaultError(\"no-key\");", "void fingerprint;", "vault/seal/seal.test.ts", "is sealed whole where that is asked"},
	{"B11", "vault/seal/edits.ts", "name === \"authentication-results\" && claims(rawOf(b, f), authserv)", "name === \"\" && claims(rawOf(b, f), authserv)", "vault/seal/seal.test.ts", "shows what the level shows, and no more"},
	{"import", "move/known.ts", "    if (this.fresh.has(mark)) return true;\n", "", "move/moving.test.ts", "brings each mail once"},
	{"import", "move/importing.ts", "    j.place = to.next;\n", "", "move/moving.test.ts", "goes on after a reload, with the same file only"},
	{"D11", "move/names.ts", "/\\\\:*?", "\\\\:*?", "move/moving.test.ts", "keeps names of files apart"},
	{"E04", "search/segment.ts", "const out = new Uint8Array(size);", "const out = new Uint8Array(segment.length);", "search/segment.test.ts", "has one of two sizes"},
	{"F01", "model/cache.ts", "await this.#vault.seal({ drawer: \"device\", name: place(table, key), version: 1, data })", "data", "model/sync.test.ts", "opens from this device alone after a reload, and keeps nothing readable"},
	{"list", "model/sync.ts", "    if (this.#loading || this.#saved) return; // what is here is less than what is kept\n", "", "model/first.test.ts", "the newest entries come first"},
	{"list", "model/cards.ts", "      this.#early.set(c.id, c);\n", "      this.#cards.set(c.id, c);\n", "model/first.test.ts", "cards of the last time give way"},
	{"drafts", "view/compose/Body.tsx", "draft.take = () => { if (timer !== undefined) keep(); };", "", "view/compose/body.test.tsx", "what was typed last"},
	{"drafts", "view/compose/Body.tsx", "editor.current.load(now ? fromHTML(now) : fromText(draft.content.value.text));", "", "view/compose/body.test.tsx", "what another tab wrote"},
	{"drafts", "view/compose/Body.tsx", "latest.current = p;", "", "view/compose/body.test.tsx", "the editor calls who stands around it now"},
	{"C01", "view/compose/editor/parse.ts", "  purifiers.set(win, known);\n", "", "view/compose/editor/editor.test.ts", "makes its policy once"},
	{"offline", "vault/session.ts", "const sealed = await sealSecret(base, secret);", "const sealed = copy(secret); void sealSecret;", "vault/offline.test.ts", "keeps the account secret, the keyring and the facts under keys"},
	{"offline", "vault/device.ts", "return seal(await mac(k.key, utf8(\"sealpost offline v1\")), ringContext(k.account), utf8(JSON.stringify({ version, salt, kdf, containers })));", "return utf8(JSON.stringify({ version, salt, kdf, containers }));", "vault/offline.test.ts", "keeps the account secret, the keyring and the facts under keys"},
	{"offline", "wire/http.ts", "    if (!c.free) await this.guard?.();\n", "", "model/offline.test.ts", "another account's session is not told what was done here"},
	{"offline", "model/session.ts", ".catch(() => {}).then(() => this.offline.drop(address));", ".catch(() => {});", "model/offline.test.ts", "a session that was revoked meanwhile locks and forgets at once"},
	{"words", "words/index.ts", "typeof v === \"number\" ? number(v) : own(v)", "typeof v === \"number\" ? number(v) : v", "words/words.test.ts", "what is filled in does not turn words"},
	{"knock", "shell.ts", "\"serviceWorker\" in navigator && !none.value);", "\"serviceWorker\" in navigator && registration !== undefined);", "view/settings/reading.test.tsx", "the switch is there before the service worker is"},
	{"knock", "view/settings/reading.tsx", "checked={wished ?? knocked.value}", "checked={knocked.value}", "view/settings/reading.test.tsx", "the switch is there before the service worker is"},
	{"knock", "shell.ts", "  const turn = wishes.then(wish);", "  const turn = wish();", "view/settings/reading.test.tsx", "on and off in one breath"},
	{"keys", "view/shell/shortcuts.ts", "c.id === \"send\" || unseen(c)", "c.id === \"send\"", "view/shell/elsewhere.test.ts", "a key does nothing to mail"},
	{"kit", "vault/signin.ts", "this.kit === null || !equal(entropy, this.kit)", "this.kit === null", "vault/vault.test.ts", "makes another kit, and only for who knows"},
}

func TestSeededFaultsUI(t *testing.T) {
	if testing.Short() || os.Getenv("SEALPOST_OVERLAY") != "" {
		t.Skip("seeded faults are not sown into each other")
	}
	need(t, "node")
	t.Parallel()
	tree := copyUI(t)
	var all []uiFault
	for due, i := dueFaults(), 0; i < len(faultsUI); i++ {
		f := faultsUI[i]
		tree.guarded(t, f)
		if sown(t, tree.path(f.file), f.old, f.new); due(f.file, f.old, f.test) {
			all = append(all, f)
		}
	}
	var names, specs []string
	for _, f := range all {
		names, specs = append(names, f.test), append(specs, f.spec)
	}
	slices.Sort(specs)
	clean := tree.run(t, slices.Compact(specs), names)
	for _, f := range all {
		t.Run(f.attack+"/"+f.test, func(t *testing.T) {
			if status := clean.of(f.test); !slices.Equal(status, []string{"passed"}) {
				t.Fatalf("without the fault the guard is %v, expected one that passed", status)
			}
			defer tree.sow(t, f)()
			if status := tree.run(t, []string{f.spec}, []string{f.test}).of(f.test); !slices.Equal(status, []string{"failed"}) {
				t.Errorf("with the fault in %s the guard is %v, expected one that failed", f.file, status)
			}
		})
	}
}

// A uiTree is a copy of the whole project, of which only webmail/ui is really copied: the
// guards find by their paths what the server's tests wrote.
type uiTree struct{ dir string }

func copyUI(t *testing.T) uiTree {
	t.Helper()
	from, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	ui := filepath.Join(from, "webmail", "ui")
	if _, err := os.Stat(filepath.Join(ui, "node_modules", "vitest")); err != nil {
		skip(t, "webmail/ui/node_modules is missing")
	}
	to := t.TempDir()
	at := filepath.Join(to, "webmail", "ui")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, from, to, "webmail")
	link(t, filepath.Join(from, "webmail"), filepath.Join(to, "webmail"), "ui")
	link(t, ui, at, "src")
	if err := os.CopyFS(filepath.Join(at, "src"), os.DirFS(filepath.Join(ui, "src"))); err != nil {
		t.Fatal(err)
	}
	return uiTree{at}
}

// link makes everything of a folder stand in another one too, but for one name.
func link(t *testing.T, from, to, but string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == but || e.Name() == ".git" {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

func (u uiTree) path(file string) string {
	return filepath.Join(u.dir, "src", filepath.FromSlash(file))
}

// guarded asks that a fault's guard is there at all, be it due or not: its name as it is
// written, up to what a table fills in behind a colon.
func (u uiTree) guarded(t *testing.T, f uiFault) {
	t.Helper()
	text, err := os.ReadFile(u.path(f.spec))
	if err != nil {
		t.Fatal(err)
	}
	if name, _, _ := strings.Cut(f.test, ":"); !strings.Contains(string(text), `"`+name) {
		t.Errorf("%s has no test that begins with %q", f.spec, name)
	}
}

// sow puts one fault into the copy; what it gives back takes it out again.
func (u uiTree) sow(t *testing.T, f uiFault) func() {
	t.Helper()
	name := u.path(f.file)
	faulty := sown(t, name, f.old, f.new)
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(faulty)
	return func() { write(string(source)) }
}

// A uiReport is what vitest's reporter "json" says, as far as it is asked.
type uiReport struct {
	TestResults []struct {
		AssertionResults []struct {
			Title, Status string
		}
	}
}

// of gives the outcome of each test whose name begins so.
func (r uiReport) of(test string) (status []string) {
	for _, file := range r.TestResults {
		for _, a := range file.AssertionResults {
			if strings.HasPrefix(a.Title, test) {
				status = append(status, a.Status)
			}
		}
	}
	return status
}

func (u uiTree) run(t *testing.T, specs, tests []string) (r uiReport) {
	t.Helper()
	var quoted []string
	for _, s := range tests {
		quoted = append(quoted, regexp.QuoteMeta(s))
	}
	result := filepath.Join(t.TempDir(), "report.json")
	args := []string{"node_modules/vitest/vitest.mjs", "run", "--reporter=json", "--outputFile=" + result, "-t", strings.Join(quoted, "|")}
	for _, s := range specs {
		args = append(args, "src/"+s)
	}
	cmd := exec.Command("node", args...)
	cmd.Dir = u.dir
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(result)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatalf("vitest gave no report: %v\n%s", err, tail(string(out), 3000))
	}
	return r
}

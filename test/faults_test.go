package test

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A fault is a bug put into the product on purpose. The test that guards
// against it must turn red; if it stays green, the guard is for show.
type fault struct {
	attack   string // its row in docs/threats.md
	file     string // where the fault goes, from the root of the project
	old, new string // old must stand there exactly once
	pkg, run string // the guard: a package and a -run pattern
	imports  string // a package the faulty line needs besides
}

func TestSeededFaults(t *testing.T) {
	if testing.Short() || os.Getenv("SEALPOST_OVERLAY") != "" {
		t.Skip("seeded faults are not sown into each other")
	}
	t.Parallel()
	due := dueFaults()
	for _, f := range slices.Concat(faults, faultsOut, faultsWeb, faultsIMAP, faultsCluster, faultsPlace, faultsNodes) {
		path := filepath.Join("..", f.file)
		f.guarded(t)
		if sown(t, path, f.old, f.new); !due(f.file, f.old, f.run) {
			continue
		}
		t.Run(f.attack+"/"+f.run, func(t *testing.T) {
			t.Parallel() // a fault is an overlay of its own
			out, err := f.guard(t)
			switch {
			case err == nil:
				t.Errorf("with the fault in %s the guard %s stays green", f.file, f.run)
			case !strings.Contains(out, "--- FAIL"):
				t.Errorf("the guard did not run: %v\n%s", err, tail(out, 3000))
			}
		})
	}
}

// dueFaults says which faults are sown now: one in 32, and which is for the commit to
// say, so that a commit always gives the same answer and the next one asks others. With
// -long, and outside of a checkout, all of them.
func dueFaults() func(fault ...string) bool {
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	return func(fault ...string) bool {
		sum := sha256.Sum256([]byte(string(commit) + strings.Join(fault, "\n")))
		return *long || err != nil || sum[0]%32 == 0
	}
}

// sown is the text of a file with a fault in it.
func sown(t *testing.T, path, old, faulty string) string {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), old); n != 1 {
		t.Fatalf("%q stands %d times in %s, expected once: bring the fault up to date", old, n, path)
	}
	return strings.Replace(string(source), old, faulty, 1)
}

// guarded asks that the guard is there at all, be its fault due or not.
func (f fault) guarded(t *testing.T) {
	t.Helper()
	first, _, _ := strings.Cut(f.run, "/") // what follows names rows of the test
	guard, err := regexp.Compile(first)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("..", f.pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range aTest.FindAllSubmatch(text, -1) {
			if guard.Match(m[1]) {
				return
			}
		}
	}
	t.Errorf("%s has no test that fits %q", f.pkg, f.run)
}

var aTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)

// guard runs the test that must notice, over a tree that differs from the real
// one by this fault only.
func (f fault) guard(t *testing.T) (string, error) {
	t.Helper()
	overlay := f.overlay(t)
	// Most of the time goes to the compiler, and what it would make faster runs once. A
	// guard may have to build all of cmd/sealpost first, beside others that do.
	cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-gcflags=-N -l", "-timeout=15m", "-overlay", overlay, "-run", f.run, f.pkg)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "SEALPOST_OVERLAY="+overlay)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// overlay writes the faulty file aside and the map that `go build -overlay` reads.
func (f fault) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", f.file))
	if err != nil {
		t.Fatal(err)
	}
	text := sown(t, path, f.old, f.new)
	if f.imports != "" {
		text = strings.Replace(text, "import (\n", "import (\n\t\""+f.imports+"\"\n", 1)
	}
	dir := t.TempDir()
	faulty := filepath.Join(dir, filepath.Base(f.file))
	if err := os.WriteFile(faulty, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: faulty}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// faults has a row, or several, for each attack of docs/threats.md.
var faults = []fault{
	{"A13", "pgp/policy.go", "return p.onlyModern(1)", "return 3", "./pgp", "^TestPolicy$", ""},
	{"A14", "pgp/policy.go", "		case k.revoked:\n			revoked = true\n", "", "./pgp", "^TestPolicy$|^TestSealRefuses$", ""},
	{"A14", "smtp/inbound/inbound.go", "	case errors.Is(err, pgp.ErrNoKey), errors.Is(err, pgp.ErrRevoked):\n		return &smtp.Reply{Code: 451,", "	case errors.Is(err, pgp.ErrNoKey), errors.Is(err, pgp.ErrRevoked):\n		return &smtp.Reply{Code: 250,", "./smtp/inbound", "^TestRecipients$", ""},
	{"A15", "pgp/session.go", "io.ReadFull(rand, s.key[:])", "io.ReadFull(rand, s.key[:1])", "./pgp", "^TestNothingIsUsedTwice$", ""},
	{"A15", "pgp/seipd.go", "io.ReadFull(rand, d.iv[:])", "io.ReadFull(rand, d.iv[:0])", "./pgp", "^TestNothingIsUsedTwice$", ""},
	{"B06", "pgp/open.go", "limit := int64(maxDecompressed)", "limit := int64(maxDecompressed) << 10", "./pgp", "^TestBomb$", ""},
	{"B10", "pgp/walk.go", "if err == nil && owns(p) {", "if err == nil && p.version > 0 {", "./pgp", "^TestPretendEncrypted$", ""},
	{"B11", "pgp/edits.go", "n == \"hp-outer\"", "n == \"hp-inner\"", "./pgp", "^TestForged", ""},
	{"B12", "pgp/restore.go", "copyExactly(io.Discard, r, e.length)", "copyExactly(io.Discard, r, e.length-1)", "./test", "^TestDKIMOutlivesTheSeal$", ""},
	{"D01", "smtp/body.go", "		err = errBare\n", "		err = nil\n", "./smtp", "^TestDialogues$", ""},
	{"D03", "smtp/starttls.go", "	g.in.Reset(pull{g})\n", "", "./smtp", "^TestDialogues$", ""},
	{"D06", "smtp/command.go", "if c < ' ' && c != '\\t' || c == 0x7f {", "if c == 0x7f {", "./smtp", "^TestDialogues$", ""},
	{"D09", "mail/walk.go", "if len(w.frames) >= w.lim.Depth {", "if len(w.frames) >= 100*w.lim.Depth {", "./mail", "^TestAttacks$", ""},
	{"D11", "mailstore/names.go", "level == \".\" || level == \"..\"", "level == \".\"", "./mailstore", "Name|Refused", ""},
	{"E01", "pgp/seipd.go", "appendPacketHeader(nil, 11, 6+d.size)", "appendPacketHeader(nil, 8, 6+d.size)", "./pgp", "^TestNoCompression$", ""},
	{"E02", "storage/disk/id.go", "rand.Read(t[:])", "rand.Read(t[:0])", "./storage/disk", "^TestConformance$", ""},
	{"E02", "storage/s3/s3.go", "rand.Read(id[:])", "rand.Read(id[:0])", "./storage/s3", "^TestConformance$/as_served/ids", ""},
	{"remote", "storage/s3/frame.go", "	t.Write(t.id[:])\n", "", "./storage/s3", "^TestTagsBind$", ""},
	{"remote", "storage/s3/frame.go", "	if !hmac.Equal(t.end(), tag) {", "	if len(tag) == 0 {", "./storage/s3", "^TestSwappedBlobs$", ""},
	{"remote", "storage/s3/endpoint.go", "	o.SetMatchETagExcept(\"*\")\n", "", "./storage/s3", "^TestNothingWrittenOver$", ""},
	{"remote", "storage/s3/worker.go", "s.Blobs.now().Add(-s.Grace)", "s.Blobs.now()", "./storage/s3", "^TestGrace$", ""},
	{"remote", "storage/s3/place.go", "if slices.ContainsFunc(p.done, same) || slices.ContainsFunc(p.flying, same) {", "if slices.ContainsFunc(p.done[:0], same) {", "./storage/s3", "^TestCopiesLieWithDifferentProviders$", ""},
	{"remote", "storage/s3/place.go", "Short: len(copies) < r.Copies}", "Short: false}", "./storage/s3", "^TestOneProviderDown$", ""},
	{"remote", "storage/s3/sweep.go", "len(orphans) > someOrphans && ", "false && ", "./storage/s3", "^TestManyObjects$", ""},
	{"F01", "storage/s3/answer.go", "return errors.New(\"the request failed on its way\")", "return err", "./storage/s3", "^TestNothingReadable$", ""},
	{"E03", "pgp/pad.go", "return (n + mask) &^ mask", "return n + 0*mask", "./pgp", "^TestBuckets$|^TestLettersFallOnBuckets$", ""},
	{"F01", "smtp/inbound/transaction.go", "	a.time = t.h.Now()\n", "	a.time = t.h.Now()\n	if f, err := os.CreateTemp(\"\", \"leak\"); err == nil {\n		io.Copy(f, io.NewSectionReader(a.mail, 0, a.mail.Size()))\n		f.Close()\n	}\n", "./test", "^TestF01NothingReadableOnDisk$", "os"},
	{"F02", "smtp/inbound/transaction.go", "	a.time = t.h.Now()\n", "	a.time = t.h.Now()\n	if f, err := os.CreateTemp(\"\", \"leak\"); err == nil {\n		os.Remove(f.Name())\n		io.Copy(f, io.NewSectionReader(a.mail, 0, a.mail.Size()))\n		f.Close()\n	}\n", "./test", "^TestF02NothingReadableIsWritten$", "os"},
	{"F05", "smtp/inbound/transaction.go", "t.h.Log.Info(\"mail stored\", ", "t.h.Log.Info(\"mail stored\", \"subject\", a.gist.Subject, ", "./test", "^TestF01NothingReadableOnDisk$", ""},
	{"F03", "cmd/sealpost/engines_folder.go", "if share == 0 || d.FreeShare() > share {", "if share > 0 && d.FreeShare() > share {", "./test", "^TestF03RemovedMeansGone$", ""},
	{"F04", "cmd/sealpost/main.go", "	overwrite(os.Args)\n", "", "./test", "^TestF04MemoryForgets$", ""},
}

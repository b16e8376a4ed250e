// Package test holds what is true of the whole house: its floors, and the real
// server under real clients, attacks, crashes and a canary. Rooms test
// themselves; here the binary is built and run as a user would.
package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "sealpost/"

// floors is the table of STYLE: an import points to a lower floor. A package
// belongs to the longest prefix that stands here.
var floors = map[string]int{
	"cmd":                  6,
	"webmail":              5,
	"storage":              5,
	"move/live":            5,
	"smtp/inbound":         4,
	"smtp/outbound":        4,
	"smtp/submission":      4,
	"move":                 4,
	"imap":                 4,
	"imap/wire":            1,
	"account":              3,
	"account/limit":        1,
	"filestore/sealed":     3,
	"filestore/drive":      2,
	"filestore/packs":      2,
	"mailstore":            3,
	"mailstore/cabinet":    3,
	"smtp/mailauth/report": 3,
	"smtp/outbound/queue":  3,
	"smtp/outbound/route":  3,
	"smtp/outbound/dsn":    3,
	"smtp":                 2,
	"pgp":                  2,
	"smtp/mailauth":        2,
	"mail":                 1,
	"filestore":            1,
	"smtp/dns":             1,
	"mailstore/notify":     1,
	"config":               1,
}

// onlyCmd are the rooms that nobody but cmd may import.
var onlyCmd = []string{"config", "storage"}

// blind says what a room must not be able to read.
var blind = map[string][]string{
	"mailstore":         {module + "mail", "github.com/emersion/go-message", "net/mail", "net/textproto", "mime"},
	"mailstore/cabinet": {module + "mail", "github.com/emersion/go-message", "net/mail", "net/textproto", "mime", "encoding/json"},
	"filestore/drive":   {module + "mail", module + "pgp", "net/mail", "net/textproto", "mime", "encoding/json"},
	"filestore":         {module + "mail", module + "pgp", "net/mail", "mime"},
}

// supports are packages made for tests; nothing but tests imports them.
var supports = []string{"storagetest", "faultfs", "memindex", "dnstest", "memqueue", "roomtest", "pgtest", "s3test", "limittest", "relaytest", "natstest"}

func room(pkg string) (name string, floor int, ok bool) {
	for p := pkg; p != "."; p = filepath.Dir(p) {
		if f, found := floors[p]; found {
			return p, f, true
		}
	}
	return "", 0, false
}

// breach says what is wrong with pkg importing imp, or nothing.
func breach(pkg, imp string) string {
	for prefix, never := range blind {
		if pkg == prefix && slices.ContainsFunc(never, func(n string) bool { return imp == n || strings.HasPrefix(imp, n+"/") }) {
			return "must not be able to read mail"
		}
	}
	to, ours := strings.CutPrefix(imp, module)
	if !ours {
		return ""
	}
	fromRoom, from, ok := room(pkg)
	if !ok {
		return "stands in no room of the house"
	}
	toRoom, below, ok := room(to)
	if !ok {
		return "imports what stands in no room"
	}
	if fromRoom != "cmd" && slices.ContainsFunc(onlyCmd, func(r string) bool { return toRoom == r || strings.HasPrefix(to, r+"/") && fromRoom != r }) {
		return "only cmd imports " + toRoom
	}
	if slices.Contains(supports, filepath.Base(to)) {
		return "only tests import " + to
	}
	family := strings.HasPrefix(pkg+"/", to+"/") || strings.HasPrefix(to+"/", pkg+"/")
	if below > from || below == from && !family {
		return fmt.Sprintf("floor %d imports floor %d", from, below)
	}
	return ""
}

// eachFile parses every Go file of the house that is neither a test nor made
// for tests.
func eachFile(t *testing.T, visit func(pkg, path string, fset *token.FileSet, f *ast.File)) {
	t.Helper()
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "test" || name == "bench" || slices.Contains(supports, name)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(pkg), path, fset, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHouseFloors(t *testing.T) {
	t.Parallel()
	seen := 0
	eachFile(t, func(pkg, path string, _ *token.FileSet, f *ast.File) {
		for _, spec := range f.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			if why := breach(pkg, imp); why != "" {
				t.Errorf("%s imports %s: %s", path, imp, why)
			}
			seen++
		}
	})
	if seen < 100 {
		t.Fatalf("walked %d imports only: the walk is broken", seen)
	}
}

// The checker itself must see each kind of breach.
func TestHouseFloorsSeesBreaches(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"mailstore", "sealpost/mail"},
		{"mailstore", "github.com/emersion/go-message/mail"},
		{"mail", "sealpost/pgp"},
		{"imap", "sealpost/smtp/inbound"},
		{"imap", "sealpost/storage/bolt"},
		{"account", "sealpost/config"},
		{"account", "sealpost/mailstore"},
		{"storage/bolt", "sealpost/storage/disk"},
		{"attic", "sealpost/mail"},
		{"imap", "sealpost/filestore/storagetest"},
	} {
		if breach(c[0], c[1]) == "" {
			t.Errorf("%s may import %s: the floors are not checked", c[0], c[1])
		}
	}
	for _, c := range [][2]string{
		{"cmd/sealpost", "sealpost/storage/bolt"}, {"cmd/sealpost", "sealpost/cmd/sealpost/prove"},
		{"filestore/spool", "sealpost/filestore"}, {"smtp/inbound", "sealpost/smtp"}, {"mailstore", "sealpost/mailstore/notify"},
	} {
		if why := breach(c[0], c[1]); why != "" {
			t.Errorf("%s may not import %s: %s", c[0], c[1], why)
		}
	}
}

// A server of NATS is run by tests alone: packages made for them, which nothing else imports.
func TestHouseShipsNoServerOfNATS(t *testing.T) {
	t.Parallel()
	eachFile(t, func(_, path string, _ *token.FileSet, f *ast.File) {
		for _, spec := range f.Imports {
			if imp, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(imp, "github.com/nats-io/nats-server") {
				t.Errorf("%s imports %s", path, imp)
			}
		}
	})
}

// Long functions and files hide a name; these are the hard ends of the style.
func TestHouseSizes(t *testing.T) {
	t.Parallel()
	const longestFunc, longestFile = 80, 520
	eachFile(t, func(_, path string, fset *token.FileSet, f *ast.File) {
		if n := fset.File(f.Pos()).LineCount(); n > longestFile {
			t.Errorf("%s has %d lines, the house allows %d", path, n, longestFile)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > longestFunc {
				t.Errorf("%s: %s has %d lines, the house allows %d", path, fn.Name.Name, n, longestFunc)
			}
		}
	})
}

// Only main starts contexts, and nothing waits in init.
func TestHouseHabits(t *testing.T) {
	t.Parallel()
	eachFile(t, func(pkg, path string, fset *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: work in init", fset.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "context" && (n.Sel.Name == "Background" || n.Sel.Name == "TODO") && !strings.HasPrefix(pkg, "cmd") {
					t.Errorf("%s: context.%s outside main", fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	})
}

package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealpost/test/imaptest"
)

// The runner of imaptest's scripts is proved on Dovecot, whose makers wrote them:
// it fails none of its 72 groups. What it skips it does not offer.
func TestImaptestRunnerOnDovecot(t *testing.T) {
	t.Parallel()
	groups, err := imaptest.Load(imaptestScripts(t))
	if err != nil {
		t.Fatal(err)
	}
	d := startDovecot(t, "TZ=Europe/Helsinki") // broken__search-intdate says that it has to be there
	var mu sync.Mutex
	var skipped []string
	t.Run("groups", func(t *testing.T) {
		for i, g := range groups {
			t.Run(g.Script.Name, func(t *testing.T) {
				t.Parallel()
				r := imaptest.Runner{User: "slash", Password: "moving", Mailbox: fmt.Sprintf("imaptest-%d-", i)}
				r.Dial = func(ctx context.Context) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", d.imap))
				}
				err := r.Run(t.Context(), g.Script, g.Mails)
				if errors.As(err, new(imaptest.Skipped)) {
					mu.Lock()
					defer mu.Unlock()
					skipped = append(skipped, g.Script.Name)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	})
	slices.Sort(skipped)
	if want := []string{"sort-partial", "urlauth", "urlauth-binary", "urlauth2"}; len(groups) != 72 || !slices.Equal(skipped, want) {
		t.Errorf("of %d groups Dovecot skips %s, not %s of 72", len(groups), strings.Join(skipped, ", "), strings.Join(want, ", "))
	}
}

func imaptestScripts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "imap", "imaptest")
	if _, err := os.Stat(dir); err != nil {
		skip(t, "imaptest's scripts are not here (set SEALPOST_CORPUS)")
	}
	return dir
}

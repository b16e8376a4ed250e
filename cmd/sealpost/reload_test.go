package main

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"
)

// TestReload: what may change does, what may not is named, and nobody is cut off.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	flag := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, flag)
	if out := must(t, "reload", flag); !strings.Contains(out, "no server is running") {
		t.Errorf("without a server: %q", out)
	}
	log, level := new(words), new(slog.LevelVar)
	up := s.serveSaying(t, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})), level)
	password := strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name=test", flag))
	c, err := imapclient.DialTLS(up.imapsDoors[0].Addr().String(), &imapclient.Options{TLSConfig: trust(t, s.dir+"/ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("ann@demo.test", password).Wait(); err != nil {
		t.Fatal(err)
	}
	text := string(read(t, s.config))
	change := func(more string, pairs ...string) {
		t.Helper()
		s.write(t, "sealpost.toml", []byte(strings.NewReplacer(pairs...).Replace(text)+more))
	}

	change("[log]\nlevel = \"debug\"\n[reports]\nsend = false\n", `"other.test"`, `"fresh.test"`, "[imap]", "[imap]\nconnections = 77", "node.key", "another.key")
	out := must(t, "reload", flag)
	want := "read again: settings, TLS certificate, DKIM keys\n" +
		"changed, and holds now: domains, log.level, reports.send\n" +
		"changed, and holds after a restart: queue.key, imap.connections\n"
	if out != want {
		t.Errorf("reload says\n%s\nwant\n%s", out, want)
	}
	if level.Level() != slog.LevelDebug || up.reports.on.Load() || !up.book.Local("fresh.test") || up.book.Local("other.test") || !up.book.Local("demo.test") {
		t.Errorf("level %v, reports %v, domains %v", level.Level(), up.reports.on.Load(), up.book.Domains())
	}
	if !strings.Contains(log.String(), `msg=reloaded read="[settings TLS certificate DKIM keys]" applied="[domains log.level reports.send]" "after a restart"="[queue.key imap.connections]"`) {
		t.Errorf("the log says\n%s", log)
	}
	if err := c.Noop().Wait(); err != nil {
		t.Errorf("an IMAP connection did not outlive a reload: %v", err)
	}

	var v reloadView
	if err := json.Unmarshal([]byte(must(t, "reload", "--json", flag)), &v); err != nil || len(v.Applied) != 0 || len(v.Restart) != 2 || len(v.Failed) != 0 {
		t.Errorf("a second one: %+v, %v", v, err)
	}
	change("nonsense = 1\n")
	fails(t, exitFailed, []string{"nonsense: no such setting"}, "reload", flag)
	if v := up.reload(t.Context()); len(v.Failed) != 1 || !strings.Contains(v.Failed[0], "settings: left as it was") || len(v.Read) != 2 { // as SIGHUP does it
		t.Errorf("a file with a mistake: %+v", v)
	}
	change("", "tls.pem", "none.pem")
	fails(t, exitFailed, []string{"TLS certificate: left as it was", "none.pem"}, "reload", flag)
	if err := c.Noop().Wait(); err != nil || level.Level() != slog.LevelInfo || !up.reports.on.Load() {
		t.Errorf("after mistakes: %v, %v", err, level.Level())
	}
	change("")
	must(t, "reload", flag)
	if fetched, err := imapclient.DialTLS(up.imapsDoors[0].Addr().String(), &imapclient.Options{TLSConfig: trust(t, s.dir+"/ca.pem")}); err != nil {
		t.Errorf("nobody gets in any more: %v", err)
	} else {
		fetched.Close()
	}
}

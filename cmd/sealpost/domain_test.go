package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealpost/smtp/dns/dnstest"
)

// A domain that is added gets mail at once, and who was connected stays so.
func TestDomainLife(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("running %v", running), func(t *testing.T) {
			t.Parallel()
			domainLife(t, running)
		})
	}
}

func domainLife(t *testing.T, running bool) {
	s := newSite(t)
	text := strings.Replace(string(read(t, s.config)), "[queue]", "# kept\n[dns]\nservers = [\"127.0.0.1:1\"]\n[queue]", 1)
	s.write(t, "sealpost.toml", []byte(text))
	s.settings.File = s.config
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	var up *server
	var open *smtp.Client
	if running {
		up = s.serve(t)
		var err error
		if open, err = smtp.Dial(up.smtpDoors[0].Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		if err := open.Mail("sender@example.org"); err != nil {
			t.Fatal(err)
		}
		if err := open.Rcpt("ann@new.test"); err == nil {
			t.Fatal("mail for a domain that nobody added is taken")
		}
	}

	out := must(t, "domain", "add", "New.Test", config)
	for _, want := range []string{"new.test is added in ", "DKIM keys are made", "$ORIGIN new.test.", "._domainkey", choose(running, "from now on", "No server is running")} {
		if !strings.Contains(out, want) {
			t.Errorf("domain add does not say %q:\n%s", want, out)
		}
	}
	if got := string(read(t, s.config)); !strings.Contains(got, `domains = ["demo.test", "other.test", "new.test"]`) || !strings.Contains(got, "# kept") {
		t.Errorf("the configuration is\n%s", got)
	}
	if again := must(t, "domain", "add", "new.test", config); !strings.Contains(again, "was there already") || !strings.Contains(again, "were there already") {
		t.Errorf("once more: %s", again)
	}
	must(t, "account", "alias", "ann@demo.test", "ann@new.test", config)
	if running {
		if err := open.Rcpt("ann@new.test"); err != nil {
			t.Errorf("the connection that was open: %v", err)
		}
		send(t, up, "ann@new.test", "Subject: x\r\n\r\nfor the new domain\r\n")
		if up.signers.of("new.test") == nil {
			t.Error("nothing signs for the new domain")
		}
	}
	removal(t, s, config, open)
}

func removal(t *testing.T, s *site, config string, open *smtp.Client) {
	t.Helper()
	var views []domainView
	if err := json.Unmarshal([]byte(must(t, "domain", "list", "--json", config)), &views); err != nil || len(views) != 3 ||
		views[0].Accounts != 1 || views[2].Aliases != 1 || len(views[2].Selectors) != 2 || len(views[0].Selectors) != 0 {
		t.Errorf("%+v, %v", views, err)
	}
	if list := must(t, "domain", "list", config); !strings.Contains(list, "nothing: sealpost domain add demo.test") {
		t.Errorf("domain list says\n%s", list)
	}
	fails(t, exitFailed, []string{"new.test has 0 accounts and 1 alias"}, "domain", "remove", "new.test", config)
	fails(t, exitFailed, []string{"demo.test has 1 account and 0 aliases"}, "domain", "remove", "demo.test", config)
	fails(t, exitFailed, []string{"nowhere.test is not a domain"}, "domain", "remove", "nowhere.test", config)
	must(t, "account", "alias", "ann@demo.test", "*@other.test", config)
	fails(t, exitFailed, []string{"other.test has 0 accounts and 1 alias"}, "domain", "remove", "other.test", config)
	must(t, "account", "alias", "--remove", "ann@demo.test", "ann@new.test", config)
	if out := must(t, "domain", "remove", "NEW.test", config); !strings.Contains(out, "new.test is removed") {
		t.Errorf("domain remove says %q", out)
	}
	if open != nil {
		if err := open.Rcpt("postmaster@new.test"); err == nil {
			t.Error("mail for a domain that is gone is taken")
		}
		if err := open.Rcpt("ann@demo.test"); err != nil {
			t.Errorf("the connection that was open: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.settings.DKIM.Folder, "new.test")); err != nil {
		t.Errorf("its keys: %v", err)
	}
	for _, none := range []string{"../etc", "a", "[127.0.0.1]", "a b.test", "", "a/b.test", "_dmarc.a.test", "*.demo.test"} {
		if got := do(t, "", "domain", "add", "--", none); got.code == exitDone {
			t.Errorf("%q is added", none)
		}
		if got := do(t, "", "domain", "add", config, "--", none); got.code == exitDone || !strings.Contains(got.err, "is no domain") {
			t.Errorf("%q: %+v", none, got)
		}
	}
}

func TestSetUpHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"quickstart", "doctor", "dns", "dns check", "dns records", "domain", "domain add", "domain list", "domain remove", "dkim", "dkim list", "dkim rotate",
	} {
		s := do(t, "", append(strings.Fields(command), "--help")...)
		if s.code != exitDone || !strings.HasPrefix(s.out, "Usage: sealpost "+command) || s.err != "" {
			t.Errorf("%s --help: exit %d: %s%s", command, s.code, s.out, s.err)
		}
	}
}

// What root makes in the server's folders is the server's, and root is root after it.
func TestAsOwnerOf(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another")
	}
	dir, err := os.MkdirTemp("", "sealpost-owner-") // in a folder that others may enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "made")
	if err := asOwnerOf(dir, func() error { return os.WriteFile(file, nil, 0o600) }); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 || os.Geteuid() != 0 {
		t.Errorf("made by %d, and now we are %d", uid, os.Geteuid())
	}
}

// Keys change in two steps, and the second waits for the DNS.
func TestDKIMRotate(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	s.settings.File = s.config
	server := dnstest.New(t, "")
	w := worldOf(t, server, "")
	w.dns.Timeout = 0
	rotate := func(activate bool) (string, error) {
		var out bytes.Buffer
		w.dns = server.Resolver()
		err := dkimRotateCommand{Activate: activate}.in(t.Context(), console{nil, &out, &out}, s.settings, w)
		return out.String(), err
	}
	selectors := func() string {
		keys, err := signingKeys(t.Context(), folderRack(s.settings.DKIM.Folder), "demo.test")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(len(keys), keys[0].Selector, " ", keys[1].Selector)
	}
	if _, err := rotate(true); err == nil || !strings.Contains(err.Error(), "no next keys") {
		t.Errorf("nothing to switch to: %v", err)
	}
	records, err := rotate(false)
	if err != nil || !strings.Contains(records, "s20270101ra._domainkey.demo.test. IN TXT ( \"v=DKIM1") || !strings.Contains(records, "s20270101ea._domainkey") {
		t.Fatalf("%v: %s", err, records)
	}
	if again, err := rotate(false); err != nil || again != records {
		t.Errorf("once more: %v\n%s\nwant\n%s", err, again, records)
	}
	if got := selectors(); got != "2s20270101r s20270101e" {
		t.Errorf("before the DNS has them: %s", got)
	}
	if _, err := rotate(true); err == nil || !strings.Contains(err.Error(), "nothing was switched: the DNS has no s20270101") {
		t.Errorf("not in the DNS: %v", err)
	}
	half, _, _ := strings.Cut(records, "s20270101ra._domain")
	server.Set(half)
	if _, err := rotate(true); err == nil {
		t.Error("switched with half of the records")
	}
	server.Fault("s20270101ra._domainkey.demo.test", dnstest.ServFail)
	if _, err := rotate(true); err == nil || strings.Contains(err.Error(), "the DNS has no") {
		t.Errorf("a DNS that fails: %v", err)
	}
	server.Fault("s20270101ra._domainkey.demo.test", 0)
	server.Set(strings.Replace(records, "p=", "p=AA", 2))
	if _, err := rotate(true); err == nil || !strings.Contains(err.Error(), "is another key") {
		t.Errorf("another key: %v", err)
	}
	server.Set(records)
	if out, err := rotate(true); err != nil || strings.Count(out, "until 2027-01-08") != 2 {
		t.Errorf("%v: %s", err, out)
	}
	if got := selectors(); got != "2s20270101ra s20270101ea" {
		t.Errorf("after it: %s", got)
	}
	old := filepath.Join(s.settings.DKIM.Folder, "demo.test", "s20270101r.old")
	if _, err := os.Stat(old); err != nil {
		t.Error(err)
	}
	w.now = func() time.Time { return newYear.Add(oldStays + 1) }
	if _, err := rotate(false); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("a key that signed last a week ago is kept")
	}
}

// A switch that is broken off between the two keys is finished by the next.
func TestDKIMRotateBrokenOff(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	s.settings.File = s.config
	folder := filepath.Join(s.settings.DKIM.Folder, "demo.test")
	var out bytes.Buffer
	w := worldOf(t, dnstest.New(t, ""), "")
	if err := (dkimRotateCommand{}).in(t.Context(), console{nil, &out, &out}, s.settings, w); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(folder, "s20270101ra.next"), filepath.Join(folder, "s20270101ra.pem")); err != nil {
		t.Fatal(err)
	}
	w.dns = dnstest.New(t, out.String()).Resolver()
	if err := (dkimRotateCommand{Activate: true}).in(t.Context(), console{nil, &out, &out}, s.settings, w); err != nil {
		t.Fatal(err)
	}
	keys, err := signingKeys(t.Context(), folderRack(s.settings.DKIM.Folder), "demo.test")
	if err != nil || len(keys) != 2 || keys[0].Selector != "s20270101ra" || keys[1].Selector != "s20270101ea" {
		t.Errorf("%+v, %v", keys, err)
	}
}

func TestDKIMList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	folder := filepath.Join(s.settings.DKIM.Folder, "demo.test")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, as := range map[string]string{"s20260101r.pem": "r", "s20270101r.pem": "r", "s20270101e.pem": "e", "s20280101e.next": "e", "s20200101r.old": "r"} {
		if err := os.WriteFile(filepath.Join(folder, name), read(t, "testdata/s20270101"+as+".pem"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(folder, "s20200101r.old"), newYear.AddDate(-6, 0, 0), newYear.AddDate(-6, 0, 0)); err != nil {
		t.Fatal(err)
	}
	list := must(t, "dkim", "list", config)
	for _, want := range []string{
		"s20270101r  rsa        2027-01-01  signs\n", "s20280101e  ed25519    2028-01-01  waits for its record",
		"s20200101r  rsa        2020-01-01  signed until 2021-01-01; its record may be removed", "s20260101r  rsa        2026-01-01  signed until",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if out := must(t, "dkim", "list", "--json", "demo.test", config); !strings.Contains(out, `"record": "v=DKIM1; k=rsa; p=MII`) {
		t.Error(out)
	}
}

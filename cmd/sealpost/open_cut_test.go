package main

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/filestore/storagetest"
)

// A mail whose attachment was cut out comes back whole, from the server that is named and
// from no other; and account set says what becomes of attachments.
func TestOpenPutsAttachmentsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.settings.HTTP.ListenTLS, s.settings.HTTP.Names = []string{"127.0.0.1:0"}, []string{"localhost"}
	config := "--config=" + s.config
	secret, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	must(t, "account", "set", "ann@demo.test", "--attachments-over", "100000B", "--attachments-in", "stub", config)
	if out := must(t, "account", "show", "ann@demo.test", config); !strings.Contains(out, "plain going out, stub coming in") {
		t.Errorf("account show says:\n%s", out)
	}
	port := up.httpsDoors[0].Addr().String()
	at := "https://localhost" + port[strings.LastIndex(port, ":"):]
	up.arrivals.world.Cutter.Base = at
	coded := base64.StdEncoding.EncodeToString(storagetest.Content(1, 300_000))
	var b strings.Builder
	for coded != "" {
		n := min(76, len(coded))
		b.WriteString(coded[:n] + "\r\n")
		coded = coded[n:]
	}
	send(t, up, "ann@demo.test", "From: bob@far.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhere\r\n--b\r\nContent-Type: a/b; name=x.bin\r\n"+
		"Content-Transfer-Encoding: base64\r\n\r\n"+b.String()+"--b--\r\n")
	sealed := must(t, "message", "get", "ann@demo.test", "1", config)
	if len(sealed) > 50_000 {
		t.Errorf("what IMAP serves has %d octets", len(sealed))
	}
	open := func(more ...string) said {
		return do(t, sealed, append([]string{"open", "--restore", "--key", secret}, more...)...)
	}
	got := open("--server", at, "--ca", filepath.Join(s.dir, "ca.pem"))
	if got.code != exitDone || !strings.Contains(got.out, "\r\n\r\n"+b.String()+"--b--\r\n") || strings.Contains(got.out, "SEALPOST") {
		t.Errorf("opens as %d octets: %s", len(got.out), got.err)
	}
	if got := open(); got.code != exitFailed || !strings.Contains(got.err, "expected --server") || got.out != "" {
		t.Errorf("without a server: %+v", got)
	}
	if got := open("--server", "https://elsewhere.test"); got.code != exitFailed || !strings.Contains(got.err, "lies at "+at) || got.out != "" {
		t.Errorf("another server: %+v", got)
	}
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sealpost/config"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

// TestPlacementKeys: settings name people and domains as their operators write them.
func TestPlacementKeys(t *testing.T) {
	t.Parallel()
	lists, err := placementLists(map[string]config.Rule{"eu": {For: []string{"Example.ORG", "B\u00fccher.example"}}, "default": {For: []string{"Alice@example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"bob@example.org": "eu", "alice@example.org": "", "carol@b\u00fccher.example": "eu", "carol@example.net": ""} {
		if got := lists.Rule([]string{key}); got != want {
			t.Errorf("%s is under %q, want %q", key, got, want)
		}
	}
	if _, err := placementLists(map[string]config.Rule{"eu": {For: []string{"example.org"}}, "us": {For: []string{"EXAMPLE.org"}}}); err == nil {
		t.Error("a domain is for two rules")
	}
}

// TestAccountsLieWhereTheirRuleSays: a node puts mail, what leaves too, where the rule of its account says, account
// show tells it, and whom a rule is for changes while connections stay.
func TestAccountsLieWhereTheirRuleSays(t *testing.T) {
	t.Parallel()
	s := newShared(t).newNode(t, nil)
	whole := string(read(t, s.config)) + "[s3.rule.west]\nproviders = [\"west\"]\nfor = [%s]\n"
	write := func(who string) { s.write(t, "sealpost.toml", fmt.Appendf(nil, whole, who)) }
	write(`"ann@demo.test"`)
	var err error
	if s.settings, err = config.Load(s.config); err != nil {
		t.Fatal(err)
	}
	config := "--config=" + s.config
	for _, name := range []string{"ann", "bob"} {
		_, public := s.keys(t, name+"@demo.test")
		must(t, "account", "add", name+"@demo.test", "--key", public, config)
	}
	up := s.serve(t)
	lies := func(who, want string) {
		t.Helper()
		if got := must(t, "account", "show", who+"@demo.test", config); !strings.Contains(got, want) {
			t.Errorf("%s, want %q", got, want)
		}
		before := map[string]bool{}
		for o, err := range up.cluster.db.Packs().Objects(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			before[o.Key.String()] = true
		}
		send(t, up, who+"@demo.test", "Subject: x\r\n\r\nx\r\n")
		a, err := up.book.Find(t.Context(), mail.Address{Local: who, Domain: "demo.test"})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []*queue.Queue{up.queue, up.outbox} {
			_, err := q.Put(t.Context(), queue.Mail{Account: string(a.ID), Held: true, Envelope: smtp.Envelope{From: &a.Addresses[0]},
				Recipient: []queue.State{{Recipient: smtp.Recipient{Address: mail.Address{Local: "x", Domain: "example.org"}}}}}, strings.NewReader("Subject: x\r\n\r\nx\r\n"))
			if err != nil {
				t.Fatal(err)
			}
		}
		for o := range up.cluster.db.Packs().Objects(t.Context()) {
			if slices.Sort(o.Copies); !before[o.Key.String()] && !strings.Contains(want, "with "+strings.Join(o.Copies, ", ")) {
				t.Errorf("mail for %s went to %v, want %q", who, o.Copies, want)
			}
		}
	}
	lies("ann", "rule west: with west")
	lies("bob", "rule default: with east, west")
	write(`"demo.test"`)
	if v := up.reload(t.Context()); !slices.Contains(v.Applied, "s3.rule") {
		t.Errorf("reload: %+v", v)
	}
	lies("bob", "rule west: with west")
	write(`"demo.test", "other.test"]` + "\ncopies = 1\njurisdictions = [\"north\"")
	if v := up.reload(t.Context()); !slices.Contains(v.Restart, "s3.rule") {
		t.Errorf("reload: %+v", v)
	}
}

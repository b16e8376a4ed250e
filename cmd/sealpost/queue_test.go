package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

// waiting puts a mail that waits an hour, and returns its id.
func waiting(t testing.TB, o *office, held bool, to ...string) string {
	t.Helper()
	from := mail.Address{Local: "ann", Domain: "demo.test"}
	m := queue.Mail{Envelope: smtp.Envelope{From: &from}, Account: "a", Held: held}
	for _, address := range to {
		a, err := mail.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		m.Recipient = append(m.Recipient, queue.State{
			Recipient: smtp.Recipient{Address: a}, Attempts: 3, Next: time.Now().Add(time.Hour + 30*time.Second), Server: "mx.far.example",
			Last: smtp.Reply{Code: 451, Enhanced: "4.7.1", Text: "\x1b[31mcome back " + strings.Repeat("later ", 30)},
		})
	}
	id, err := o.queue.Put(t.Context(), m, strings.NewReader(strings.Repeat("x", 3000)))
	if err != nil {
		t.Fatal(err)
	}
	return string(id)
}

// The commands do the same whether a server runs or not. What the test looks at
// is held, so that no server sends it.
func TestQueueCommands(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*site){"directly": func(*site) {}, "over the socket": func(s *site) { s.serve(t) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var one, two string
			s.offline(t, func(o *office) {
				one, two = waiting(t, o, true, "bob@far.example", "eve@far.example"), waiting(t, o, true, "carl@other.example")
			})
			begin(s)
			queueLife(t, "--config="+s.config, one, two)
		})
	}
}

func queueLife(t *testing.T, config, one, two string) {
	t.Helper()
	list := must(t, "queue", "list", config)
	for _, want := range []string{
		`ID +AGE +SIZE +FROM +TO +NEXT TRY +TRIES +LAST REPLY\n`,
		one + ` +\d+ s +2\.9 KiB +ann@demo\.test +bob@far\.example and 1 more +held +3 +451 4\.7\.1 .\[31mcome back later.*…\n`,
		two + ` .* carl@other\.example +held`,
		`\n2 mails, 5\.9 KiB\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(list) {
			t.Errorf("the list lacks %q:\n%s", want, list)
		}
	}
	if strings.ContainsRune(list, '\x1b') {
		t.Error("a server's reply reaches the terminal as it is")
	}
	var views []queuedView
	if err := json.Unmarshal([]byte(must(t, "queue", "list", "--json", config)), &views); err != nil || len(views) != 2 || len(views[0].Recipients) != 2 {
		t.Errorf("%+v, %v", views, err)
	}
	show := must(t, "queue", "show", strings.ToUpper(one), config)
	for _, want := range []string{"from      ann@demo.test", "bob@far.example", "eve@far.example", "3 attempts, next ", "mx.far.example said: 451 4.7.1"} {
		if !strings.Contains(show, want) {
			t.Errorf("show lacks %q:\n%s", want, show)
		}
	}
	fails(t, exitFailed, []string{"is held", "unhold " + one}, "queue", "retry", one, config)
	if out := must(t, "queue", "retry", "all", config); !strings.Contains(out, "0 mails") {
		t.Errorf("retry all says %q", out)
	}
	if out := must(t, "queue", "hold", one, config); !strings.Contains(out, "is held") {
		t.Errorf("hold says %q", out)
	}
	if out := must(t, "queue", "drop", one, config); !strings.Contains(out, "to 2 recipients is removed; nobody was told") {
		t.Errorf("drop says %q", out)
	}
	must(t, "queue", "drop", two, config)
	if got := do(t, "", "queue", "list", config); got.code != exitDone || !strings.Contains(got.err, "no mail waits") {
		t.Errorf("an empty list: %+v", got)
	}
	for _, cmd := range []string{"show", "retry", "hold", "unhold", "drop"} {
		fails(t, exitFailed, []string{`no mail "` + one + `" waits`}, "queue", cmd, one, config)
	}
}

func TestQueueRetryAndUnhold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	var one, two string
	s.offline(t, func(o *office) {
		one, two = waiting(t, o, false, "bob@far.example"), waiting(t, o, true, "carl@other.example")
	})
	if list := must(t, "queue", "list", config); !strings.Contains(list, "in 1 h 0 min") {
		t.Errorf("not waiting:\n%s", list)
	}
	must(t, "queue", "retry", one, config)
	must(t, "queue", "unhold", two, config)
	must(t, "queue", "retry", "all", config)
	list := must(t, "queue", "list", config)
	if strings.Count(list, "  now  ") != 2 {
		t.Errorf("not due:\n%s", list)
	}
	fails(t, exitFailed, []string{"nobody can be told"}, "queue", "drop", one, "--notify", config)
	if !strings.Contains(must(t, "queue", "list", config), one) {
		t.Error("it is dropped, and nobody was told")
	}
}

// Who drops a mail hears whether its sender did.
func TestQueueDropTells(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	ids := map[string]string{}
	s.offline(t, func(o *office) {
		ids["its sender was told"], ids["nobody was told"] = waiting(t, o, true, "bob@far.example"), waiting(t, o, true, "bob@far.example")
		notice := queue.Mail{Held: true, Recipient: []queue.State{{Recipient: smtp.Recipient{Address: mail.Address{Local: "bob", Domain: "far.example"}}}}}
		id, err := o.queue.Put(t.Context(), notice, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		ids["there is nobody to tell"] = string(id)
	})
	s.serve(t)
	for want, id := range ids {
		args := []string{"queue", "drop", id, config}
		if want != "nobody was told" {
			args = append(args, "--notify")
		}
		if out := must(t, args...); !strings.Contains(out, "to 1 recipient is removed; "+want) {
			t.Errorf("%q says %q", want, out)
		}
	}
}

// One account never has all workers, however many there are, where there are two.
func TestShareOfWorkers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for workers, want := range map[int]int{1: 1, 2: 1, 10: 7, 20: 15, 1000: 750} {
		s.settings.Outbound.Workers = workers
		s.offline(t, func(o *office) {
			if got := o.queue.Limits.Share; got != want {
				t.Errorf("of %d workers one account has %d, want %d", workers, got, want)
			}
		})
	}
}

// The node key is made once, for its owner alone, and never where the data is.
func TestNodeKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(s.dir, "node.key")
	s.offline(t, func(*office) {})
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	s.offline(t, func(o *office) { waiting(t, o, true, "bob@far.example") })

	refused := func(why string, want string) {
		t.Helper()
		o, err := openOffice(t.Context(), s.settings, nil)
		if err == nil {
			o.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", why, err)
		}
	}
	os.Chmod(file, 0o644)
	refused("readable by all", "chmod 600")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	refused("missing, and there is mail under it", "put the key back")
	if _, err := nodekey.Make(file); err != nil {
		t.Fatal(err)
	}
	refused("another key", "another node key")

	for _, inside := range []string{filepath.Join(s.settings.Data, "node.key"), filepath.Join(s.settings.Data, "deep", "er", "node.key"), filepath.Join(s.dir, "link", "node.key")} {
		os.Symlink(s.settings.Data, filepath.Join(s.dir, "link"))
		s.settings.Queue.Key = inside
		refused("inside the data folder", "lies in the data folder")
	}
	s.settings.Queue.Key = file
	os.Remove(file)
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	os.Chmod(file, 0o600)
	s.offline(t, func(o *office) {
		if all, err := o.queue.List(t.Context()); err != nil || len(all) != 1 || len(all[0].Recipient) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

func TestBrief(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 60 * time.Second: "1 min", 3*time.Hour + 59*time.Minute + 59*time.Second: "3 h 59 min",
		24 * time.Hour: "1 d 0 h", 5*24*time.Hour + 7*time.Hour: "5 d 7 h",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

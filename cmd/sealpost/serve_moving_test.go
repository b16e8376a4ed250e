package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/mailstore"
	"sealpost/move/carry"
)

// serveMoving serves a site whose accounts go to another meanwhile.
func (s *site) serveMoving(t testing.TB, to *site) *server {
	t.Helper()
	open, err := openMoving(to.config)
	if err != nil {
		t.Fatal(err)
	}
	return s.serveOn(t, slog.New(slog.DiscardHandler), occasions{open: open})
}

// allThere waits until everybody is served at the other end.
func allThere(t *testing.T, up *server) {
	t.Helper()
	until(t, "all accounts to be there", func() bool {
		p := up.moving.mover.Progress()
		return p.Accounts > 0 && p.There == p.Accounts
	})
}

// offer is send that tells what went wrong.
func offer(at, to, text string) error {
	c, err := smtp.Dial(at)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(c.Mail("sender@example.org"), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(text))
	return errors.Join(err, w.Close())
}

// TestServeMoving: nobody who is connected notices that accounts go to another installation.
func TestServeMoving(t *testing.T) {
	t.Parallel()
	const people, before = 3, 12
	lone, node, secret, password := peopled(t, people, before)
	uids := map[imap.UID]bool{}
	var valid uint32
	sent := before
	t.Run("serve", func(t *testing.T) {
		up := lone.serveMoving(t, node)
		at := up.imapsDoors[0].Addr().String()
		heard := make(chan uint32, 1000)
		dial := func(handler *imapclient.UnilateralDataHandler) *imapclient.Client {
			c, err := imapclient.DialTLS(at, &imapclient.Options{TLSConfig: trust(t, filepath.Join(lone.dir, "ca.pem")), UnilateralDataHandler: handler})
			if err == nil {
				err = c.Login("p0@demo.test", password).Wait()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return c
		}
		idler := dial(&imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				heard <- *d.NumMessages
			}
		}})
		box, err := idler.Select("INBOX", nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		valid = box.UIDValidity
		idle, err := idler.Idle()
		if err != nil {
			t.Fatal(err)
		}
		worker := dial(nil)
		if _, err := worker.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		started := up.moving.mover.Progress()
		last := uint32(0)
		var modseq uint64
		for n, there := 0, 0; there < 10; n++ {
			for i := range people {
				if err := offer(up.smtpDoors[0].Addr().String(), fmt.Sprintf("p%d@demo.test", i), fmt.Sprintf("Subject: live %d\r\n\r\nIn the cage.\r\n", n)); err != nil {
					t.Fatalf("mail %d: %v", n, err)
				}
			}
			sent++
			all, err := worker.Store(imap.UIDSetNum(imap.UID(1+n%before)), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.Flag(fmt.Sprintf("k%d", n))}}, nil).Collect()
			if err != nil || len(all) != 1 {
				t.Fatalf("flag %d: %d answers, %v", n, len(all), err)
			}
			if all[0].ModSeq != 0 {
				if all[0].ModSeq <= modseq {
					t.Errorf("MODSEQ %d after %d", all[0].ModSeq, modseq)
				}
				modseq = all[0].ModSeq
			}
			section := &imap.FetchItemBodySection{Peek: true}
			got, err := worker.Fetch(imap.UIDSetNum(imap.UID(1+n%before), imap.UID(sent)), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
			if err != nil || len(got) != 2 || len(got[0].FindBodySection(section)) == 0 {
				t.Fatalf("fetch %d: %d mails, %v", n, len(got), err)
			}
			for last < uint32(sent) {
				select {
				case last = <-heard:
				case <-time.After(20 * time.Second):
					t.Fatalf("IDLE heard of %d messages and there are %d", last, sent)
				}
			}
			if p := up.moving.mover.Progress(); p.There == people {
				there++
			}
			if n > 500 {
				t.Fatalf("they do not go: %+v", up.moving.mover.Progress())
			}
		}
		if err := errors.Join(idle.Close(), idle.Wait()); err != nil {
			t.Error(err)
		}
		found, err := idler.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		for _, uid := range found.AllUIDs() {
			uids[uid] = true
		}
		if len(uids) != sent || !uids[1] || !uids[imap.UID(sent)] {
			t.Errorf("%d mails of %d, UIDs %v", len(uids), sent, found.AllUIDs())
		}
		// A new account and a removed one are right, wherever they are.
		_, public := lone.keys(t, "late@demo.test")
		must(t, "account", "add", "late@demo.test", "--key", public, "--config="+lone.config)
		must(t, "account", "remove", "p2@demo.test", "--yes", "--config="+lone.config)
		if err := offer(up.smtpDoors[0].Addr().String(), "late@demo.test", "Subject: late\r\n\r\nlate\r\n"); err != nil {
			t.Error(err)
		}
		fails(t, exitFailed, []string{"accounts are moving"}, "backup", filepath.Join(t.TempDir(), "b"), "--config="+lone.config)
		if said := must(t, "verify", "--config="+lone.config); !strings.Contains(said, "All is well") {
			t.Error(said)
		}
		if text := string(up.metrics(t.Context())); !strings.Contains(text, `sealpost_moving_accounts{served="there"}`) {
			t.Error("no metric tells of the move")
		}
		p := up.moving.mover.Progress()
		t.Logf("%d were there at the start, the longest wait was %s, %d mails came meanwhile", started.There, p.Longest, sent-before)
		if p.Longest > 10*time.Second {
			t.Errorf("somebody waited %s", p.Longest)
		}
		up.moving.mover.Wait = time.Millisecond
	})
	for _, s := range []*site{lone, node} {
		fails(t, exitFailed, []string{"migrate"}, "account", "list", "--config="+s.config)
	}
	if said := must(t, "migrate", "--config="+lone.config, "--to="+node.config); !strings.Contains(said, "2 accounts had been served there") && !strings.Contains(said, "3 accounts had been served there") {
		t.Errorf("it said %q", said)
	}
	t.Run("there", func(t *testing.T) {
		up := node.serve(t)
		c, err := imapclient.DialTLS(up.imapsDoors[0].Addr().String(), &imapclient.Options{TLSConfig: trust(t, filepath.Join(node.dir, "ca.pem"))})
		if err == nil {
			err = c.Login("p0@demo.test", password).Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		box, err := c.Select("INBOX", nil).Wait()
		if err != nil || box.UIDValidity != valid || box.NumMessages != uint32(sent) || box.UIDNext != imap.UID(sent+1) {
			t.Errorf("%+v, %v", box, err)
		}
		got := fetch(t, up.imapsDoors[0].Addr().String(), filepath.Join(node.dir, "ca.pem"), "p0@demo.test", password, imap.UID(sent))
		if opened := do(t, string(got), "open", "--key", secret); !strings.Contains(opened.out, "Subject: live") {
			t.Errorf("%+v", opened)
		}
		said := must(t, "account", "list", "--config="+node.config)
		if !strings.Contains(said, "late@demo.test") || strings.Contains(said, "p2@demo.test") {
			t.Errorf("there are\n%s", said)
		}
		if said := must(t, "verify", "--config="+node.config); !strings.Contains(said, "All is well") {
			t.Error(said)
		}
	})
	e, err := openAnyEngines(t.Context(), node.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if all, err := e.accounts.Accounts(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
}

// TestServeMovingOut: a cluster's one node that still runs is left for a machine in the same way.
func TestServeMovingOut(t *testing.T) {
	t.Parallel()
	const people, before = 2, 5
	lone, node, secret, password := peopled(t, people, before)
	must(t, "migrate", "--config="+lone.config, "--to="+node.config)
	home := another(t, lone)
	sent := before
	t.Run("serve", func(t *testing.T) {
		up := node.serveMoving(t, home)
		for there := 0; there < 5; sent++ {
			for i := range people {
				if err := offer(up.smtpDoors[0].Addr().String(), fmt.Sprintf("p%d@demo.test", i), fmt.Sprintf("Subject: out %d\r\n\r\nIn the cage.\r\n", sent)); err != nil {
					t.Fatal(err)
				}
			}
			p := up.moving.mover.Progress()
			if p.There == people {
				there++
			}
			if sent > 500 {
				t.Fatalf("they do not go: %+v", p)
			}
		}
		got := fetch(t, up.imapsDoors[0].Addr().String(), filepath.Join(node.dir, "ca.pem"), "p0@demo.test", password, imap.UID(sent))
		if opened := do(t, string(got), "open", "--key", secret); !strings.Contains(opened.out, "Subject: out") {
			t.Errorf("%+v", opened)
		}
	})
	must(t, "migrate", "--config="+node.config, "--to="+home.config)
	if said := must(t, "verify", "--config="+home.config); !strings.Contains(said, fmt.Sprintf("%d messages", people*sent)) || !strings.Contains(said, "All is well") {
		t.Errorf("of %d mails verify says\n%s", people*sent, said)
	}
	t.Run("home", func(t *testing.T) {
		up := home.serve(t)
		send(t, up, "p0@demo.test", "Subject: home\r\n\r\nIn the cage.\r\n")
		fetch(t, up.imapsDoors[0].Addr().String(), filepath.Join(home.dir, "ca.pem"), "p0@demo.test", password, imap.UID(sent+1))
	})
}

// TestServeMovingUndone: who was served there already comes back with what came since, from a cluster too.
func TestServeMovingUndone(t *testing.T) {
	t.Parallel()
	lone, node, _, _ := peopled(t, 2, 3)
	for range 2 { // the next server knows who is there
		t.Run("serve", func(t *testing.T) {
			up := lone.serveMoving(t, node)
			allThere(t, up)
			for i := range 2 {
				send(t, up, fmt.Sprintf("p%d@demo.test", i), "Subject: since\r\n\r\nIn the cage.\r\n")
			}
		})
	}
	there := heavy(t, node, lone)
	for o, all := range there {
		if n := len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, "carry.Message") })); n != 5 {
			t.Errorf("%s has %d messages there, and 5 were sent", o, n)
		}
	}
	if stale := heavy(t, lone, lone); reflect.DeepEqual(stale, there) {
		t.Fatal("what came since is at both ends")
	}
	must(t, "migrate", "--config="+lone.config, "--to="+node.config, "--undo")
	if back := heavy(t, lone, lone); !reflect.DeepEqual(there, back) {
		t.Errorf("what came back is another thing:\n%v\n%v", there, back)
	}
	if left := everything(t, node); len(left) != 0 {
		t.Errorf("%d accounts are left there", len(left))
	}
	if _, err := os.Stat(filepath.Join(lone.settings.Data, "move-back.db")); !os.IsNotExist(err) {
		t.Errorf("the journal of the way back stays: %v", err)
	}
	t.Run("again", func(t *testing.T) {
		up := lone.serve(t)
		send(t, up, "p0@demo.test", "Subject: later\r\n\r\nIn the cage.\r\n")
	})
	if said := must(t, "verify", "--config="+lone.config); !strings.Contains(said, "All is well") {
		t.Error(said)
	}
	must(t, "account", "list", "--config="+node.config)
}

// heavy is what a site has of the mail, boxes and files of the accounts of another.
func heavy(t *testing.T, s, of *site) map[mailstore.Owner][]string {
	t.Helper()
	x, err := openAnyEngines(t.Context(), s.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	book := x
	if of != s {
		if book, err = openAnyEngines(t.Context(), of.settings, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		defer book.Close()
	}
	all, err := book.accounts.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[mailstore.Owner][]string{}
	for _, a := range all {
		found[owner(a)] = inWords(t, x, x.end().Heavy(t.Context(), owner(a)))
	}
	return found
}

var (
	readyAt = regexp.MustCompile(`msg=ready smtp="?\[([0-9.:]+)`)
	thereAt = regexp.MustCompile(`there=(\d+)`)
)

// TestServeMovingKilled: a server that moves accounts is killed at any moment, and the next one goes on: each
// mail that was taken is there once.
func TestServeMovingKilled(t *testing.T) {
	t.Parallel()
	const people = 4
	lone, node, _, _ := peopled(t, people, 6)
	var mu sync.Mutex
	taken := make([]int, people)
	kills, after := 0, 0 // how often somebody was there already when it began
	for round := 0; after < 2; round++ {
		if round == 40 {
			t.Fatal("nobody goes")
		}
		p := start(t, "serve", "--config="+lone.config, "--moving-to="+node.config)
		var at string
		until(t, "the server", func() bool {
			if len(p.ended) > 0 {
				t.Fatalf("it ended:\n%s", p.log())
			}
			if found := readyAt.FindStringSubmatch(p.log()); found != nil {
				at = found[1]
			}
			return at != ""
		})
		if m := thereAt.FindStringSubmatch(p.log()); m != nil && m[1] != "0" {
			after++
		}
		stop := make(chan struct{})
		var sending sync.WaitGroup
		for i := range people {
			sending.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					name := fmt.Sprintf("r%d-%d-%d", round, i, n)
					if err := offer(at, fmt.Sprintf("p%d@demo.test", i), "Message-ID: <"+name+"@example.org>\r\nSubject: "+name+"\r\n\r\nIn the cage.\r\n"); err != nil {
						if wrong := (net.Error)(nil); !errors.As(err, &wrong) && !strings.Contains(err.Error(), "EOF") {
							t.Errorf("mail %s: %v", name, err)
						}
						return
					}
					mu.Lock()
					taken[i]++
					mu.Unlock()
				}
			})
		}
		time.Sleep(rand.N(400*time.Millisecond) + time.Duration(round)*100*time.Millisecond)
		p.cmd.Process.Kill()
		<-p.ended
		kills++
		close(stop)
		sending.Wait()
		fails(t, exitFailed, []string{"--moving-to"}, "account", "list", "--config="+lone.config)
	}
	must(t, "migrate", "--config="+lone.config, "--to="+node.config)
	if said := must(t, "verify", "--config="+node.config); !strings.Contains(said, "All is well") {
		t.Error(said)
	}
	e, err := openAnyEngines(t.Context(), node.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	all, err := e.accounts.Accounts(t.Context())
	if err != nil || len(all) != people {
		t.Fatalf("%d accounts, %v", len(all), err)
	}
	total := 0
	for _, a := range all {
		i := slices.Index([]string{"p0", "p1", "p2", "p3"}, a.Addresses[0].Local)
		uids := map[mailstore.UID]bool{}
		messages := 0
		for r, err := range e.end().Export(t.Context(), owner(a)) {
			if err != nil {
				t.Fatal(err)
			}
			m, ok := r.(carry.Message)
			if !ok {
				continue
			}
			if messages++; uids[m.Entry.UID] && m.Box == 1 {
				t.Errorf("UID %d stands twice", m.Entry.UID)
			}
			uids[m.Entry.UID] = true
		}
		// What was stored and not answered is there, too: of each killed server one mail at most.
		if low, high := 6+taken[i], 6+taken[i]+kills; messages < low || messages > high {
			t.Errorf("p%d has %d mails, and %d to %d were sent", i, messages, low, high)
		}
		total += messages
	}
	t.Logf("killed %d times, %d mails", kills, total)
}

// A move that is over, or of single accounts, is not served.
func TestServeMovingRefuses(t *testing.T) {
	t.Parallel()
	lone, node, _, _ := peopled(t, 1, 1)
	fails(t, exitFailed, []string{"both settings have the data folder"}, "serve", "--config="+lone.config, "--moving-to="+lone.config)
	must(t, "migrate", "--config="+lone.config, "--to="+node.config)
	if s := do(t, "", "serve", "--config="+lone.config, "--moving-to="+node.config); s.code != exitFailed || !strings.Contains(s.err, "was moved away") {
		t.Errorf("%+v", s)
	}
	if bytes.Contains(read(t, lone.config), []byte("moving")) {
		t.Error("settings name a move")
	}
}

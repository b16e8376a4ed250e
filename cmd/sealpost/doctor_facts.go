package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/config"
	"sealpost/pgp"
)

// facts are what only who holds the data folder can tell.
type facts struct {
	Running bool      `json:"running"` // a server told them
	Version string    `json:"version"`
	NoCore  bool      `json:"no_core"`
	NoSwap  bool      `json:"no_swap"`
	Waiting int       `json:"waiting"` // mails
	Held    int       `json:"held"`
	Oldest  time.Time `json:"oldest"`
	Replies []string  `json:"replies"` // what was said to the oldest, some
	People  []owned   `json:"people"`
}

// owned is what there is to know of one account's key.
type owned struct {
	Address string    `json:"address"`
	Expires time.Time `json:"expires"`
	Trouble string    `json:"trouble,omitempty"` // why nothing can be sealed to it
}

// replyCount is how many replies of other servers are told.
const replyCount = 5

func tellFacts(ctx context.Context, o *office, _ struct{}) (facts, error) {
	f := facts{Version: version(), Replies: []string{}, People: []owned{}}
	f.NoCore, f.NoSwap = keptIn()
	waiting, err := listQueue(ctx, o, struct{}{})
	if err != nil {
		return f, err
	}
	f.describeQueue(waiting)
	people, err := o.book.Accounts(ctx)
	if err != nil {
		return f, err
	}
	for _, a := range people {
		f.People = append(f.People, keyOf(a, time.Now()))
	}
	return f, nil
}

// describeQueue takes the oldest first.
func (f *facts) describeQueue(waiting []queuedView) {
	for _, m := range waiting {
		f.Waiting++
		if m.Held {
			f.Held++
			continue
		}
		if f.Oldest.IsZero() {
			f.Oldest = m.Created
		}
		if r := m.reply(); r != "" && len(f.Replies) < replyCount && !slices.Contains(f.Replies, r) {
			f.Replies = append(f.Replies, r)
		}
	}
}

func keyOf(a account.Account, now time.Time) owned {
	o := owned{Address: a.Addresses[0].String()}
	cert, err := pgp.ParseCert(a.Cert)
	if err == nil {
		o.Expires = cert.Expires()
		err = cert.Usable(a.Profile, now)
	}
	if err != nil {
		o.Trouble = err.Error()
	}
	return o
}

// askFacts asks a running server or, without one, looks itself.
func askFacts(ctx context.Context, settings config.Config) (f facts, err error) {
	var text bytes.Buffer
	err = askServer(ctx, settings.Data, "server.facts", strings.NewReader("{}"), &text)
	running := err == nil
	if errors.Is(err, errNoServer) {
		err = asOwnerOf(settings.Data, func() error { return perform(ctx, settings.File, "server.facts", struct{}{}, &text) })
	}
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text.Bytes(), &f); err != nil {
		return f, fmt.Errorf("read the answer: %w", err)
	}
	f.Running = running
	return f, nil
}

const (
	slowQueue = time.Hour
	deadQueue = 24 * time.Hour
)

// queue says whether mail waits, and why.
func (f facts) queue(now time.Time) finding {
	g := finding{Name: "queue", State: well, Text: counting(int64(f.Waiting), "mail") + " waiting"}
	if f.Waiting == 0 {
		g.Text = "empty"
	}
	if f.Held > 0 {
		g.Text += fmt.Sprintf(", %d held", f.Held)
	}
	age := now.Sub(f.Oldest)
	if f.Oldest.IsZero() || age < slowQueue {
		return g
	}
	g.State, g.Fix = warn, "sealpost queue list shows each"
	if age > deadQueue {
		g.State = bad
	}
	g.Text += ", the oldest for " + brief(age)
	if len(f.Replies) > 0 {
		g.Text += "; others said: " + strings.Join(f.Replies, " | ")
	}
	return g
}

// keyWarning is how long before its end an owner is told of a key.
const keyWarning = 30 * 24 * time.Hour

// keys says whose mail cannot be sealed, or soon should not be.
func (f facts) keys(now time.Time) []finding {
	var all []finding
	for _, p := range f.People {
		switch {
		case p.Trouble != "":
			all = append(all, finding{Name: "key", State: bad, Text: p.Address + ": " + p.Trouble + "; its mail is refused for now",
				Fix: "sealpost account key " + p.Address + " --key FILE"})
		case !p.Expires.IsZero() && p.Expires.Before(now):
			all = append(all, finding{Name: "key", State: warn, Text: p.Address + ": ended on " + day(p.Expires) + "; mail is still sealed to it",
				Fix: "its owner extends it, then: sealpost account key " + p.Address + " --key FILE"})
		case !p.Expires.IsZero() && p.Expires.Before(now.Add(keyWarning)):
			all = append(all, finding{Name: "key", State: warn, Text: p.Address + ": ends on " + day(p.Expires),
				Fix: "its owner extends it, then: sealpost account key " + p.Address + " --key FILE"})
		}
	}
	if len(all) == 0 {
		text := "of " + counting(int64(len(f.People)), "account") + ": none ends within 30 days"
		all = []finding{{Name: "keys", State: well, Text: text}}
		if len(f.People) == 0 {
			all = []finding{{Name: "keys", State: warn, Text: "there are no accounts", Fix: "sealpost account add ADDRESS --key FILE"}}
		}
	}
	return all
}

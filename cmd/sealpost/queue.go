package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

type queueGroup struct {
	List   queueListCommand   `cmd:"" help:"List mail that waits to leave."`
	Show   queueShowCommand   `cmd:"" help:"Show one waiting mail: its recipients, and what was said to each attempt."`
	Retry  queueRetryCommand  `cmd:"" help:"Try a mail now, or all of them."`
	Hold   queueHoldCommand   `cmd:"" help:"Hold a mail back until it is freed."`
	Unhold queueUnholdCommand `cmd:"" help:"Free a mail that is held."`
	Drop   queueDropCommand   `cmd:"" help:"Remove a mail from the queue, for good."`
}

// queuedView is what is told of a waiting mail.
type queuedView struct {
	ID         string          `json:"id"`
	From       string          `json:"from"` // <> for a notice
	Recipients []recipientView `json:"recipients"`
	Size       int64           `json:"size"`
	Created    time.Time       `json:"created"`
	Expires    time.Time       `json:"expires"`
	Next       time.Time       `json:"next"`
	Held       bool            `json:"held"`
	Sending    bool            `json:"sending"`
}

type recipientView struct {
	Address  string    `json:"address"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
	Reply    string    `json:"reply,omitempty"` // what was said last
	Server   string    `json:"server,omitempty"`
	Delayed  bool      `json:"delay_notice_sent,omitempty"`
}

// queued is a wish about one waiting mail.
type queued struct{ ID string }

func (q queued) id() queue.ID { return queue.ID(strings.ToLower(q.ID)) }

func viewQueued(m queue.Mail) queuedView {
	v := queuedView{
		ID: string(m.ID), From: sender(m.Envelope.From), Size: m.Size, Created: m.Created, Expires: m.Expires,
		Held: m.Held, Sending: m.Sending, Recipients: []recipientView{},
	}
	for _, s := range m.Recipient {
		v.Recipients = append(v.Recipients, recipientView{
			Address: s.Address.String(), Attempts: s.Attempts, Next: s.Next, Reply: replyLine(s.Last), Server: s.Server, Delayed: s.Delayed,
		})
		if v.Next.IsZero() || s.Next.Before(v.Next) {
			v.Next = s.Next
		}
	}
	return v
}

func sender(a *mail.Address) string {
	if a == nil {
		return "<>"
	}
	return a.String()
}

func replyLine(r smtp.Reply) string {
	if r.Code == 0 {
		return r.Text
	}
	return strings.Join(strings.Fields(fmt.Sprint(r.Code, " ", r.Enhanced, " ", r.Text)), " ")
}

// attempts is that of the recipient that was tried most.
func (v queuedView) attempts() (n int) {
	for _, r := range v.Recipients {
		n = max(n, r.Attempts)
	}
	return n
}

// reply is what was said last, to whoever comes first.
func (v queuedView) reply() string {
	for _, r := range v.Recipients {
		if r.Reply != "" {
			return r.Reply
		}
	}
	return ""
}

// when says in words when a mail is tried next.
func (v queuedView) when(now time.Time) string {
	switch {
	case v.Held:
		return "held"
	case v.Sending:
		return "being sent"
	case !v.Next.After(now):
		return "now"
	}
	return "in " + brief(v.Next.Sub(now))
}

// brief rounds a time for people: two units at most.
func brief(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// shortened cuts a text for a table, at a letter.
func shortened(s string, most int) string {
	letters := []rune(printable(s))
	if len(letters) <= most {
		return string(letters)
	}
	return string(letters[:most-1]) + "…"
}

// plainly says in its reader's words why nothing could be done.
func plainly(id queue.ID, err error) error {
	switch {
	case errors.Is(err, queue.ErrNoSuch):
		return fmt.Errorf("no mail %q waits; `sealpost queue list` shows those that do", string(id))
	case errors.Is(err, queue.ErrEarly):
		return fmt.Errorf("mail %s is to be sent later, as its sender asked; `sealpost queue show %s` says when", id, id)
	case errors.Is(err, queue.ErrBusy):
		return fmt.Errorf("mail %s is being sent at this moment; try again when that has ended", id)
	}
	return err
}

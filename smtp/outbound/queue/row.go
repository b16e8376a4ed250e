package queue

import (
	"encoding/json"
	"fmt"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
)

// purpose is what a sealing of this queue is for (nodekey): "queue mail", "queue
// text", or of another Name.
func (q *Queue) purpose(what string) string { return or(q.Name, "queue") + " " + what }

// maxReply bounds what is kept of another server's words.
const maxReply = 1000

// mailRow is the JSON of a Mail before it is sealed. Its names are the format.
// Its id and whether it is held stand in the row.
type mailRow struct {
	From       *addressRow `json:"from,omitempty"` // none: <>
	UTF8       bool        `json:"utf8,omitempty"`
	EightBit   bool        `json:"8bit,omitempty"`
	RequireTLS bool        `json:"require_tls,omitempty"`
	AnyTLS     bool        `json:"any_tls,omitempty"`
	EnvID      string      `json:"envid,omitempty"`
	Ret        string      `json:"ret,omitempty"`
	Hold       time.Time   `json:"hold,omitzero"`
	Recipients []stateRow  `json:"recipients"`
	Account    string      `json:"account,omitempty"`
	Created    time.Time   `json:"created"`
	Expires    time.Time   `json:"expires"`
	Size       int64       `json:"size"`
	Sign       string      `json:"sign,omitempty"`
	Outbox     string      `json:"outbox,omitempty"`
	Note       string      `json:"note,omitempty"`
	Given      bool        `json:"given,omitempty"`
}

type addressRow struct {
	Local  string `json:"local"`
	Domain string `json:"domain"`
}

type stateRow struct {
	Address  addressRow `json:"address"`
	Notify   []string   `json:"notify,omitempty"`
	ORcpt    string     `json:"orcpt,omitempty"`
	Attempts int        `json:"attempts,omitempty"`
	Next     time.Time  `json:"next"`
	Code     int        `json:"code,omitempty"`
	Enhanced string     `json:"enhanced,omitempty"`
	Text     string     `json:"text,omitempty"`
	Server   string     `json:"server,omitempty"`
	Delayed  bool       `json:"delayed,omitempty"`
	Failed   bool       `json:"failed,omitempty"`
}

// row makes the row of a mail, without lease and body.
func (q *Queue) row(m Mail, group string) (Row, error) {
	data, err := q.sealMail(m)
	if err != nil {
		return Row{}, err
	}
	return Row{ID: m.ID, Group: group, Due: m.due(), Held: m.Held, Data: data}, nil
}

// due is when somebody must look at a mail: when its first recipient is to be
// tried. That is so after it expired too, for one that is tried once more.
func (m Mail) due() time.Time {
	at := m.Expires
	for i, s := range m.Recipient {
		if i == 0 || s.Next.Before(at) {
			at = s.Next
		}
	}
	return at
}

func (q *Queue) sealMail(m Mail) ([]byte, error) {
	e := m.Envelope
	row := mailRow{
		UTF8: e.UTF8, EightBit: e.EightBit, RequireTLS: e.RequireTLS, AnyTLS: e.AnyTLS, EnvID: e.EnvID, Ret: e.Ret, Hold: e.Hold,
		Account: m.Account, Created: m.Created, Expires: m.Expires, Size: m.Size, Sign: m.Sign, Outbox: m.Outbox, Note: m.Note,
		Given: m.Given,
	}
	if e.From != nil {
		row.From = (*addressRow)(e.From)
	}
	for _, s := range m.Recipient {
		row.Recipients = append(row.Recipients, stateRow{
			Address: addressRow(s.Address), Notify: s.Notify, ORcpt: s.ORcpt, Attempts: s.Attempts, Next: s.Next,
			Code: s.Last.Code, Enhanced: s.Last.Enhanced, Text: s.Last.Text[:min(len(s.Last.Text), maxReply)], Server: s.Server, Delayed: s.Delayed, Failed: s.Failed,
		})
	}
	plain, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("encode mail %s: %w", m.ID, err)
	}
	defer clear(plain)
	return q.Key.Seal(q.purpose("mail"), string(m.ID), plain), nil
}

func (q *Queue) openMail(r Row) (Mail, error) {
	plain, err := q.Key.Open(q.purpose("mail"), string(r.ID), r.Data)
	if err != nil {
		return Mail{}, fmt.Errorf("open mail %s: %w", r.ID, err)
	}
	defer clear(plain)
	var row mailRow
	if json.Unmarshal(plain, &row) != nil { // its error would quote the row
		return Mail{}, fmt.Errorf("mail %s is no row that this sealpost wrote", r.ID)
	}
	m := Mail{
		ID: r.ID, Held: r.Held, Account: row.Account, Created: row.Created, Expires: row.Expires, Size: row.Size, Sign: row.Sign, Outbox: row.Outbox, Note: row.Note,
		Given: row.Given,
		Envelope: smtp.Envelope{
			From: (*mail.Address)(row.From), UTF8: row.UTF8, EightBit: row.EightBit, RequireTLS: row.RequireTLS, AnyTLS: row.AnyTLS,
			EnvID: row.EnvID, Ret: row.Ret, Hold: row.Hold,
		},
	}
	for _, s := range row.Recipients {
		m.Recipient = append(m.Recipient, State{
			Recipient: smtp.Recipient{Address: mail.Address(s.Address), Notify: s.Notify, ORcpt: s.ORcpt},
			Attempts:  s.Attempts, Next: s.Next, Last: smtp.Reply{Code: s.Code, Enhanced: s.Enhanced, Text: s.Text},
			Server: s.Server, Delayed: s.Delayed, Failed: s.Failed,
		})
	}
	return m, nil
}

// Package order holds what RFC 5256 says of the order and the threads of
// messages: sort keys, base subjects, THREAD=REFERENCES, THREAD=ORDEREDSUBJECT;
// and RFC 5957's display names.
//
// It never knows where messages come from, or how a client asks.
//
// Invariants: nothing here takes more than a bounded number of steps for each
// message, whatever their headers say; nothing recurses.
package order

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A Message is what is visible of one for ordering it. Those without a visible
// date, subject or address have them empty.
type Message struct {
	Number      uint32 // as the caller counts; equal messages keep this order
	Arrival     int64  // INTERNALDATE, Unix seconds
	Date        time.Time
	Size        int64
	From        string // local part of the first address
	To          string
	Cc          string
	DisplayFrom string // display name of the first address, or the address
	DisplayTo   string
	Subject     string // decoded
	Hidden      bool   // the subject is not visible: it says nothing of what belongs together
	ID          string // Message-ID
	References  []string
}

// sent is the sent date (RFC 5256, section 2.2): that of the header in UTC, or
// when the message arrived.
func (m *Message) sent() int64 {
	if m.Date.IsZero() {
		return m.Arrival
	}
	return m.Date.Unix()
}

// A Key is one sort criterion.
type Key struct {
	By      By
	Reverse bool
}

// By names a sort criterion (RFC 5256, section 3; RFC 5957).
type By uint8

const (
	Arrival By = iota + 1
	Date
	Size
	From
	To
	Cc
	Subject
	DisplayFrom
	DisplayTo
)

// Names are the criteria as clients write them.
var Names = map[string]By{
	"ARRIVAL": Arrival, "DATE": Date, "SIZE": Size, "FROM": From, "TO": To, "CC": Cc,
	"SUBJECT": Subject, "DISPLAYFROM": DisplayFrom, "DISPLAYTO": DisplayTo,
}

// NeedsHeader says whether more than INTERNALDATE and size is compared.
func NeedsHeader(keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.By != Arrival && k.By != Size })
}

// value is what a message has under one criterion.
type value struct {
	number int64
	text   string
}

func (m *Message) value(by By) value {
	switch by {
	case Arrival:
		return value{number: m.Arrival}
	case Date:
		return value{number: m.sent()}
	case Size:
		return value{number: m.Size}
	case Subject:
		base, _ := BaseSubject(m.Subject)
		return value{text: Collate(base)}
	}
	return value{text: Collate(map[By]string{From: m.From, To: m.To, Cc: m.Cc, DisplayFrom: m.DisplayFrom, DisplayTo: m.DisplayTo}[by])}
}

// Sort gives the messages' numbers in the order of keys; those that agree in all
// of them in the order of their numbers.
func Sort(messages []Message, keys []Key) []uint32 {
	type row struct {
		number uint32
		values []value
	}
	rows := make([]row, len(messages))
	values := make([]value, len(messages)*len(keys))
	for i := range messages {
		rows[i] = row{messages[i].Number, values[i*len(keys) : (i+1)*len(keys)]}
		for j, k := range keys {
			rows[i].values[j] = messages[i].value(k.By)
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		for j, k := range keys {
			c := cmp.Or(cmp.Compare(a.values[j].number, b.values[j].number), strings.Compare(a.values[j].text, b.values[j].text))
			if k.Reverse {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a.number, b.number)
	})
	numbers := make([]uint32, len(rows))
	for i, r := range rows {
		numbers[i] = r.number
	}
	return numbers
}

// Collate brings text into the form in which i;unicode-casemap compares octets
// (RFC 5051): title case, decomposed.
func Collate(s string) string {
	return norm.NFKD.String(strings.Map(unicode.ToTitle, s))
}

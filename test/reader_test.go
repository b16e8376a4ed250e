package test

import (
	"fmt"
	"io"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// login opens IMAPS as that person, trusting the demo's CA only.
func (d *demo) login(t *testing.T, p person) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialTLS(d.IMAPS, &imapclient.Options{TLSConfig: d.tls(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(p.Address, p.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// served is one message as IMAP gives it.
type served struct {
	uid  imap.UID
	size int64
	mail []byte
}

// fetchAll hands every message of a mailbox to visit, in order of UID.
func fetchAll(c *imapclient.Client, mailbox string, visit func(served) error) error {
	box, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return err
	}
	if box.NumMessages == 0 {
		return nil
	}
	all := imap.SeqSet{}
	all.AddRange(1, box.NumMessages)
	fetch := c.Fetch(all, &imap.FetchOptions{UID: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	defer fetch.Close()
	seen := uint32(0)
	for msg := fetch.Next(); msg != nil; msg = fetch.Next() {
		m, err := readServed(msg)
		if err != nil {
			return err
		}
		if int64(len(m.mail)) != m.size {
			return fmt.Errorf("UID %d: RFC822.SIZE is %d, the body has %d octets", m.uid, m.size, len(m.mail))
		}
		if err := visit(m); err != nil {
			return fmt.Errorf("UID %d: %w", m.uid, err)
		}
		seen++
	}
	if err := fetch.Close(); err != nil {
		return err
	}
	if seen != box.NumMessages {
		return fmt.Errorf("fetched %d of %d messages", seen, box.NumMessages)
	}
	return nil
}

func readServed(msg *imapclient.FetchMessageData) (m served, err error) {
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			m.uid = item.UID
		case imapclient.FetchItemDataRFC822Size:
			m.size = item.Size
		case imapclient.FetchItemDataBodySection:
			if m.mail, err = io.ReadAll(item.Literal); err != nil {
				return m, err
			}
		}
	}
	return m, nil
}

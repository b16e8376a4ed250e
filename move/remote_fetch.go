package move

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// wholeText asks for a message as it is, and sets no flag.
var wholeText = &imap.FetchItemBodySection{Peek: true}

// errNoText says that a server has a message and gives no text of it.
var errNoText = errors.New("the IMAP server gives no text of it")

// fetch yields the messages of one batch, in their order. What the server leaves out,
// or refuses to give together with others, it is asked for alone: one message that it
// cannot give keeps back no others, and none is lost without a word.
func (r Remote) fetch(c *imapclient.Client, part []remoteMail, name, box string, yield func(Message, error) bool) (bool, error) {
	got, err := r.together(c, part)
	if err != nil {
		return false, err
	}
	for _, m := range part {
		text, there := got[m.uid], true
		var err error
		switch {
		case m.size > r.max():
			err = ErrTooLarge
		case text == nil:
			text, there, err = alone(c, m.uid)
		}
		if err == nil && there && int64(len(text.FindBodySection(wholeText))) > r.max() {
			err = ErrTooLarge // the server had said another size
		}
		at := Position{Part: name, Place: int64(m.uid)}
		more := true
		switch {
		case err == nil && there:
			more = yield(remoteMessage(text, at, box), nil)
		case errors.Is(err, errNoText), errors.Is(err, ErrTooLarge):
			more = yield(Message{}, &Bad{at, err})
		case err != nil:
			return false, err
		}
		if !more {
			return false, nil
		}
	}
	return true, nil
}

func (r Remote) max() int64 { return cmp.Or(r.Max, MaxMessage) }

// together fetches what is not too large; what is missing did not come, for whatever
// reason.
func (r Remote) together(c *imapclient.Client, part []remoteMail) (map[imap.UID]*imapclient.FetchMessageBuffer, error) {
	var uids imap.UIDSet
	for _, m := range part {
		if m.size <= r.max() {
			uids.AddNum(m.uid)
		}
	}
	if len(uids) == 0 {
		return nil, nil
	}
	got, err := texts(c, uids)
	if err != nil && !refused(err) {
		return nil, err
	}
	return got, nil
}

// alone fetches one message. Without an error it may not be there any more.
func alone(c *imapclient.Client, uid imap.UID) (m *imapclient.FetchMessageBuffer, there bool, err error) {
	one := imap.UIDSetNum(uid)
	got, err := texts(c, one)
	if err != nil && !refused(err) {
		return nil, false, err
	}
	if m := got[uid]; m != nil {
		return m, true, nil
	}
	found, errSearch := c.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{one}}, nil).Wait()
	if errSearch != nil && !refused(errSearch) {
		return nil, false, fmt.Errorf("look for a message: %w", errSearch)
	}
	if errSearch == nil {
		if uids, ok := found.All.(imap.UIDSet); !ok || !uids.Contains(uid) {
			return nil, false, nil
		}
	}
	return nil, true, errNoText
}

// texts fetches messages, and leaves out those that come without their text.
func texts(c *imapclient.Client, uids imap.UIDSet) (map[imap.UID]*imapclient.FetchMessageBuffer, error) {
	all, err := c.Fetch(uids, &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{wholeText}}).Collect()
	got := make(map[imap.UID]*imapclient.FetchMessageBuffer, len(all))
	for _, m := range all {
		if m.FindBodySection(wholeText) != nil {
			got[m.UID] = m
		}
	}
	if err != nil {
		return got, fmt.Errorf("fetch messages: %w", err)
	}
	return got, nil
}

// refused says that the server answered NO or BAD, and listens for more.
func refused(err error) bool {
	var answer *imap.Error
	return errors.As(err, &answer) && answer.Type != imap.StatusResponseTypeBye
}

func remoteMessage(m *imapclient.FetchMessageBuffer, at Position, box string) Message {
	text := m.FindBodySection(wholeText)
	return Message{
		Mailbox: box, Flags: flagsOf(m.Flags), Received: m.InternalDate, Size: 1, Position: at,
		Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(newWireLines(bytes.NewReader(text))), nil
		},
	}
}

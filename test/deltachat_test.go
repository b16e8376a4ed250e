package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// deltachat is Delta Chat's core as its apps run it: JSON-RPC 2.0 by lines.
type deltachat struct {
	in io.WriteCloser

	mu      sync.Mutex
	last    int
	answers map[int]chan rpcAnswer
	events  []chatEvent
	more    chan struct{} // closed when an event was added
}

type rpcAnswer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// chatEvent is something that the core tells of one of its accounts.
type chatEvent struct {
	Account int `json:"contextId"`
	Event   struct {
		Kind     string `json:"kind"`
		Msg      any    `json:"msg"`
		MsgID    int    `json:"msgId"`
		ChatID   int    `json:"chatId"`
		Progress int    `json:"progress"`
	} `json:"event"`
}

// chatMessage is what a chat shows of a message.
type chatMessage struct {
	Text     string `json:"text"`
	Padlock  bool   `json:"showPadlock"`
	File     string `json:"fileName"`
	Download string `json:"downloadState"`
}

func startDeltaChat(t *testing.T) *deltachat {
	t.Helper()
	found, err := filepath.Glob("deltachat/node_modules/@deltachat/stdio-rpc-server-*/deltachat-rpc-server")
	if err != nil || len(found) == 0 {
		skip(t, "Delta Chat's core is not installed (cd test/deltachat && npm ci)")
	}
	dir := t.TempDir()
	cmd := exec.Command(found[0])
	cmd.Env = append(os.Environ(), "DC_ACCOUNTS_PATH="+filepath.Join(dir, "accounts"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &deltachat{in: in, answers: map[int]chan rpcAnswer{}, more: make(chan struct{})}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.troubles())
		}
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	go c.read(out)
	go c.listen()
	return c
}

func (c *deltachat) read(out io.Reader) {
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a rpcAnswer
		if json.Unmarshal(line, &a) != nil {
			continue
		}
		c.mu.Lock()
		to := c.answers[a.ID]
		delete(c.answers, a.ID)
		c.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
}

// listen gathers what happens, until the core ends.
func (c *deltachat) listen() {
	for {
		var e chatEvent
		if c.call(&e, time.Hour, "get_next_event") != nil {
			return
		}
		c.mu.Lock()
		c.events = append(c.events, e)
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
}

func (c *deltachat) call(into any, patience time.Duration, method string, params ...any) error {
	to := make(chan rpcAnswer, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.answers[id] = to
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": append([]any{}, params...)})
	if err == nil {
		_, err = c.in.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case a := <-to:
		if a.Error != nil {
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		if into == nil {
			return nil
		}
		return json.Unmarshal(a.Result, into)
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer in %v", method, patience)
	}
}

// ask calls and fails the test with what was refused.
func ask[T any](t *testing.T, c *deltachat, method string, params ...any) (out T) {
	t.Helper()
	if err := c.call(&out, time.Minute, method, params...); err != nil {
		t.Fatal(err)
	}
	return out
}

// wait returns the first event that fits, of those that were and of those that come.
func (c *deltachat) wait(t *testing.T, what string, fits func(chatEvent) bool) chatEvent {
	t.Helper()
	deadline := time.After(time.Minute)
	for seen := 0; ; {
		c.mu.Lock()
		events, more := c.events, c.more
		c.mu.Unlock()
		for ; seen < len(events); seen++ {
			if fits(events[seen]) {
				return events[seen]
			}
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// message waits for one that begins with text.
func (c *deltachat) message(t *testing.T, account int, text string) (chatEvent, chatMessage) {
	t.Helper()
	var m chatMessage
	e := c.wait(t, fmt.Sprintf("a message that says %q", text), func(e chatEvent) bool {
		if e.Account != account || e.Event.Kind != "IncomingMsg" {
			return false
		}
		m = ask[chatMessage](t, c, "get_message", account, e.Event.MsgID)
		return strings.HasPrefix(m.Text, text)
	})
	return e, m
}

func (c *deltachat) troubles() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, e := range c.events {
		if e.Event.Kind == "Warning" || e.Event.Kind == "Error" {
			fmt.Fprintf(&b, "Delta Chat's account %d: %v\n", e.Account, e.Event.Msg)
		}
	}
	return b.String()
}

// chatAccount signs a person of the demo in as docs/setup.md says: their OpenPGP key first.
func (c *deltachat) account(t *testing.T, d *demo, p person) int {
	t.Helper()
	id := ask[int](t, c, "add_account")
	ask[any](t, c, "import_self_keys", id, p.SecretKey, nil)
	ask[any](t, c, "set_config", id, "displayname", strings.Split(p.Address, "@")[0])
	number := func(addr string) json.Number { return json.Number(port(t, addr)) }
	ask[any](t, c, "add_or_update_transport", id, map[string]any{
		"addr": p.Address, "password": p.Password,
		"imapServer": "localhost", "imapPort": number(d.IMAPS), "imapSecurity": "ssl",
		"smtpServer": "localhost", "smtpPort": number(d.Submissions), "smtpSecurity": "ssl",
		"certificateChecks": "acceptInvalidCertificates", // it asks WebPKI alone: there is no place for a demo's authority
	})
	return id
}

// Two people of the server chat by Delta Chat, whose key is the account's: they join by
// an invitation, send text and a file that comes apart from its message, and read
// receipts. What is on the server is what they encrypted. Mail of others, sealed on
// arrival, is read too where Delta Chat is told to take mail that is not of a chat.
func TestDeltaChat(t *testing.T) {
	t.Parallel()
	core := startDeltaChat(t)
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, withBinary(bin))
	alice, bob := core.account(t, d, d.alice()), core.account(t, d, d.bob())
	ask[any](t, core, "set_config", alice, "force_encryption", "0")
	ask[any](t, core, "start_io_for_all_accounts")

	invitation := ask[string](t, core, "get_chat_securejoin_qr_code", alice, nil)
	if !strings.Contains(invitation, d.alice().Fingerprint) {
		t.Fatalf("the invitation is not of alice's key: %s", invitation)
	}
	chat := ask[int](t, core, "secure_join", bob, strings.Replace(invitation, "&v=3", "", 1)) // docs/setup.md says why
	core.wait(t, "alice's key to be proved to bob", func(e chatEvent) bool {
		return e.Account == bob && e.Event.Kind == "SecurejoinJoinerProgress" && e.Event.Progress == 1000
	})

	file := filepath.Join(t.TempDir(), "quokka.bin")
	content := make([]byte, 400<<10)
	rand.NewChaCha8([32]byte{}).Read(content)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	ask[any](t, core, "misc_send_msg", bob, chat, "seven zebras", file, "quokka.bin", nil, nil)
	got, m := core.message(t, alice, "seven zebras")
	if !m.Padlock || m.File != "quokka.bin" {
		t.Errorf("alice sees %+v", m)
	}
	core.saved(t, alice, got.Event.MsgID, content)

	ask[any](t, core, "accept_chat", alice, got.Event.ChatID)
	ask[any](t, core, "markseen_msgs", alice, []int{got.Event.MsgID})
	core.wait(t, "a receipt", func(e chatEvent) bool { return e.Account == bob && e.Event.Kind == "MsgRead" })
	ask[int](t, core, "misc_send_text_message", alice, got.Event.ChatID, "eight zebras")
	if _, m := core.message(t, bob, "eight zebras"); !m.Padlock {
		t.Errorf("bob sees %+v", m)
	}

	mail := "From: Eve <eve@example.org>\r\nTo: alice@demo.test\r\nSubject: okapis\r\nMessage-ID: <okapi@example.org>\r\n\r\nOkapis are shy.\r\n"
	if err := newSender(t, d.SMTP).send("eve@example.org", d.alice().Address, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	if _, m := core.message(t, alice, "okapis – Okapis are shy."); m.File != "" {
		t.Errorf("alice sees %+v", m)
	}
}

// saved fetches the file of a message whole and compares it.
func (c *deltachat) saved(t *testing.T, account, msg int, want []byte) {
	t.Helper()
	if m := ask[chatMessage](t, c, "get_message", account, msg); m.Download == "Available" {
		if err := c.call(nil, time.Minute, "download_full_message", account, msg); err != nil {
			t.Log(err) // it has begun by itself meanwhile, and refuses to do so twice
		}
	}
	c.wait(t, "the file", func(chatEvent) bool {
		return ask[chatMessage](t, c, "get_message", account, msg).Download == "Done"
	})
	to := filepath.Join(t.TempDir(), "saved")
	ask[any](t, c, "save_msg_file", account, msg, to)
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes were saved, %d sent: %v", len(got), len(want), err)
	}
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"sealpost/config"
	"sealpost/mail"
	"sealpost/move"
)

// A carrier is an operation that takes more than a wish: a line of JSON and then
// messages, for as long as there are some, while it answers how far it has come.
// Close of in ends a Read that waits.
type carrier func(ctx context.Context, o *office, in io.ReadCloser, answer io.Writer) error

func carriers() map[string]carrier {
	return map[string]carrier{"mail.import": importMail}
}

// carrying serves a carrier at the control socket.
func carrying(o *office, do carrier) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer o.survive()
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer := &counted{Writer: w}
		if err := do(r.Context(), o, body{r.Body, control}, answer); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// body is what a client sends. Its own Close would wait for a Read that waits.
type body struct {
	io.Reader
	control *http.ResponseController
}

func (b body) Close() error { return b.control.SetReadDeadline(time.Unix(1, 0)) }

// convey has the running server, or this process, do a carrier's work.
func convey(ctx context.Context, file, name string, in io.ReadCloser, answer io.Writer) error {
	settings, err := config.Load(file)
	if err != nil {
		return err
	}
	// Without its Close the body outlives a server that is not there.
	err = askServer(ctx, settings.Data, name, struct{ io.Reader }{in}, answer)
	if !errors.Is(err, errNoServer) {
		return err
	}
	return inOffice(ctx, settings, func(o *office) error { return carriers()[name](ctx, o, in, answer) })
}

// standIn makes this process the owner of the data folder when there is no server to do
// the work: before any file is opened, so that one that the owner may not read is told
// of before half of the work is done.
func standIn(ctx context.Context, file string) (alone bool, err error) {
	settings, err := config.Load(file)
	if err != nil {
		return false, err
	}
	err = askServer(ctx, settings.Data, "", http.NoBody, io.Discard)
	if !errors.Is(err, errNoServer) {
		return false, nil // what else is wrong the work itself will tell
	}
	return true, becomeOwner(settings.Data)
}

// aloneMay adds to an error what a process that stands in for the server can do.
func aloneMay(alone bool, err error) error {
	if !alone || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w\nno server is running, so this is done as user %d, who owns the data folder: start the server first, or let that user read and write there", err, os.Geteuid())
}

type wantedImport struct{ Address string }

// importMail seals and stores what comes. Its answer's steps count messages that
// are durable; each is told, for the other end waits for them.
func importMail(ctx context.Context, o *office, in io.ReadCloser, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	return tellingEvery(0, func(ctx context.Context, o *office, w wantedImport, tell func(step)) (move.Report, error) {
		a, err := o.find(ctx, w.Address)
		if err != nil {
			return move.Report{}, err
		}
		to, err := o.book.Recipient(ctx, a)
		if err != nil {
			return move.Report{}, err
		}
		im := move.Importer{
			Store: o.store, Owner: owner(a), To: to, Look: mail.DefaultLimits, Now: time.Now, Stop: func() { in.Close() },
		}
		return im.Run(ctx, move.Arrivals(ctx, move.NewFrameReader(lines), o.settings.Spool.Folder), func(n int, failed []int) error {
			tell(step{What: "stored", Done: int64(n), Failed: failed})
			return nil
		})
	})(ctx, o, firstLine(lines), out)
}

// firstLine reads a wish; what cannot be read is no wish.
func firstLine(r *bufio.Reader) []byte {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil
	}
	return append([]byte(nil), line...)
}

type wantedExport struct{ Address string }

// exportMail writes an account's messages as frames, sealed as they are.
func exportMail(ctx context.Context, o *office, w wantedExport, out io.Writer) error {
	a, err := o.find(ctx, w.Address)
	if err != nil {
		return err
	}
	frames := move.NewFrameWriter(out)
	if frames.Lost, err = move.Stored(ctx, o.store, owner(a), frames.Write); err != nil {
		return err
	}
	return frames.Close()
}

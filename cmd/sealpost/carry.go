package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"sealpost/config"
	"sealpost/mail"
	"sealpost/move"
)

// A carrier is an operation that takes more than a wish: a line of JSON and then
// messages, for as long as there are some, while it answers how far it has come.
type carrier func(ctx context.Context, o *office, in io.Reader, answer io.Writer) error

func carriers() map[string]carrier {
	return map[string]carrier{"mail.import": importMail}
}

// carry serves a carrier at the control socket.
func carry(o *office, do carrier) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer o.survive()
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer := &counted{Writer: w}
		if err := do(r.Context(), o, r.Body, answer); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// convey has the running server, or this process, do a carrier's work.
func convey(ctx context.Context, file, name string, in io.Reader, answer io.Writer) error {
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

type wantedImport struct{ Address string }

// importMail seals and stores what comes. Its answer's steps count messages that
// are durable.
func importMail(ctx context.Context, o *office, in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	return telling(func(ctx context.Context, o *office, w wantedImport, tell func(step)) (move.Report, error) {
		a, err := o.find(ctx, w.Address)
		if err != nil {
			return move.Report{}, err
		}
		to, err := o.book.Recipient(ctx, a)
		if err != nil {
			return move.Report{}, err
		}
		look := mail.DefaultLimits
		im := move.Importer{Store: o.store, Owner: owner(a), To: to, Look: look, Now: time.Now}
		return im.Run(ctx, move.Arrivals(ctx, move.NewFrameReader(lines), o.settings.Spool.Folder), func(n int) error {
			tell(step{What: "stored", Done: int64(n)})
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
	if err := move.Stored(ctx, o.store, owner(a), frames.Write); err != nil {
		return err
	}
	return frames.Close()
}

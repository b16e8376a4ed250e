package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"sealpost/filestore"
	"sealpost/filestore/drive"
)

// Small files come many at a time: each alone would take three requests, and as many
// times the disk would be waited for.

const (
	batchFrame = len(drive.ID{}) + 4 // id, length
	batchBody  = drive.MaxBatchSize + drive.MaxBatch*int64(batchFrame)
)

func (s service) batchOperations() {
	route(s, op{
		name: "bring-files", method: http.MethodPost, path: "/files/batch", tag: tagFiles, access: forAccount, time: partTime, status: http.StatusCreated,
		body: batchBody, accept: octets("application/octet-stream"),
		about: "Brings up to 256 small files that are complete at once, all of them or none, as frames: id (16 bytes that the client drew at random), " +
			"length (4, big-endian; 1 MiB at most, 4 MiB in all), content. The same batch again does no harm. " + digestHeader +
			" has the sha-256 of the body (RFC 9530). 507 over-quota; 409 too-many, or conflict: an id has another content.",
	}, func(ctx context.Context, in *struct{ raw }) (*body[Files], error) {
		sum, ok := digestOf(in.r.Header.Values(digestHeader))
		if !ok {
			return nil, badInput(digestHeader + ": expected sha-256=:BASE64:")
		}
		leave, err := s.gates.batches.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		b, err := io.ReadAll(in.r.Body)
		if err != nil {
			return nil, unread(err)
		}
		if got := sha256.Sum256(b); subtle.ConstantTimeCompare(got[:], sum[:]) != 1 {
			return nil, drive.ErrDigest
		}
		all, err := batchOf(b)
		if err != nil {
			return nil, err
		}
		brought, err := s.Files.Bring(ctx, driveOwner(ctx), all)
		out := Files{Files: []File{}}
		for _, o := range brought {
			out.Files = append(out.Files, s.fileOf(o))
		}
		return &body[Files]{out}, err
	})
}

type batchAsked struct {
	IDs string `query:"ids" required:"true" maxLength:"6000" doc:"at most 256, with commas between them" pattern:"^[A-Za-z0-9_-]+(,[A-Za-z0-9_-]+)*$"`
}

// batchFiles are ids; one that is none is left out, as it is not there.
func (in *batchAsked) batchFiles() (ids []drive.ID, err error) {
	for text := range strings.SplitSeq(in.IDs, ",") {
		if id, err := drive.ParseID(text); err == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > drive.MaxBatch {
		return nil, badInput("ids: expected at most %d", drive.MaxBatch)
	}
	return ids, nil
}

// Removed says what became of files that were to be deleted together.
type Removed struct {
	Files []RemovedFile `json:"files" nullable:"false" doc:"in the order in which they were asked for"`
}

// RemovedFile is one of them.
type RemovedFile struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome" enum:"gone,later" doc:"gone: it is not there any more, or was not; later: this request deleted as much as one may, ask again"`
}

// perCall is how many files of a batch that is deleted count as one request of the
// account: they take the disk as long as one does.
const perCall = 32

func (s service) batchRemoval() {
	route(s, op{
		name: "remove-files", method: http.MethodDelete, path: "/files/batch", tag: tagFiles, access: forAccount, time: flowTime,
		about: "Deletes many files, their octets and their links, for good, and says of each what became of it. What is not there is gone, whosever it was. " +
			"Each 32 of them count as one request.",
	}, func(ctx context.Context, in *batchAsked) (*body[Removed], error) {
		ids, err := in.batchFiles()
		if err != nil {
			return nil, err
		}
		if !s.calls.allowMore(string(who(ctx).ID), (len(ids)-1)/perCall) {
			return nil, slowDown(1)
		}
		leave, err := s.gates.batches.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		later := map[string]bool{}
		if len(ids) > 0 {
			left, err := s.Files.RemoveMany(ctx, driveOwner(ctx), ids)
			if err != nil {
				return nil, err
			}
			for _, id := range left {
				later[id.String()] = true
			}
		}
		out := Removed{Files: []RemovedFile{}}
		for text := range strings.SplitSeq(in.IDs, ",") {
			f := RemovedFile{ID: text, Outcome: "gone"}
			if later[text] {
				f.Outcome = "later"
			}
			out.Files = append(out.Files, f)
		}
		return &body[Removed]{out}, nil
	})
}

func (s service) batchContents() {
	route(s, op{
		name: "file-contents", method: http.MethodGet, path: "/files/batch", tag: tagFiles, access: forAccount, time: flowTime,
		about: "What was stored as many small files, as frames: id (16 bytes), length (4, big-endian), content. " +
			"A file that is not there, not complete or longer than 1 MiB has no frame; one that is damaged has length 0.",
		answer: octets("application/octet-stream"),
	}, func(ctx context.Context, in *batchAsked) (*stream, error) {
		ids, err := in.batchFiles()
		if err != nil {
			return nil, err
		}
		leave, err := s.gates.files.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		return streamed(func(w http.ResponseWriter, r *http.Request) {
			defer leave()
			w.Header().Set("Content-Type", "application/octet-stream")
			out := bufio.NewWriterSize(s.flow(w), piece)
			for _, id := range ids {
				if err := s.batchFrame(r.Context(), driveOwner(ctx), out, id); err != nil {
					s.cut(r.Context(), "file-contents", err)
				}
			}
			if out.Flush() != nil {
				panic(http.ErrAbortHandler)
			}
		}), nil
	})
}

// batchFrame writes one file, which is whole before its length is told.
func (s service) batchFrame(ctx context.Context, o drive.Owner, out *bufio.Writer, id drive.ID) error {
	c, err := s.Files.Open(ctx, o, id)
	if errors.Is(err, drive.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if c.Size() > drive.MaxSmall {
		return nil
	}
	b := make([]byte, c.Size())
	switch _, err := c.ReadAt(b, 0); {
	case errors.Is(err, drive.ErrNone), errors.Is(err, filestore.ErrNotFound): // deleted a moment ago
		return nil
	case errors.Is(err, filestore.ErrCorrupt):
		s.Log.Error("a stored file is damaged")
		b = nil
	case err != nil && err != io.EOF:
		return err
	}
	head := binary.BigEndian.AppendUint32(slices.Clone(id[:]), uint32(len(b)))
	if _, err := out.Write(append(head, b...)); err != nil {
		return err
	}
	return nil
}

// batchOf reads frames.
func batchOf(b []byte) (all []drive.Small, err error) {
	for len(b) > 0 {
		if len(b) < batchFrame || len(all) == drive.MaxBatch {
			return nil, badInput("expected at most %d frames of id, length and content", drive.MaxBatch)
		}
		id, n := drive.ID(b), binary.BigEndian.Uint32(b[len(drive.ID{}):])
		b = b[batchFrame:]
		if n < 1 || n > drive.MaxSmall || uint64(n) > uint64(len(b)) {
			return nil, badInput("expected contents of 1 to %d bytes", drive.MaxSmall)
		}
		if !id.Fit() {
			return nil, badInput("expected ids of 16 random bytes whose text begins with a letter or a digit")
		}
		all, b = append(all, drive.Small{ID: id, Octets: b[:n:n]}), b[n:]
	}
	if len(all) == 0 {
		return nil, badInput("expected a file")
	}
	return all, nil
}

package api

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/image/webp"
)

// Pictures of others are fetched by the server where their reader wants to see them,
// so that who sent the mail learns neither where nor with what it is read; and painted
// anew, so that nothing but a picture comes back (ATTACKS B08, C06).

const (
	mostPicture  = 5 << 20  // bytes as fetched
	mostPixels   = 16 << 20 // of one picture: 64 MiB of memory, or twice that
	pictureTime  = 10 * time.Second
	mostPictures = 2 // painted at the same time
	pictureURL   = 4000
)

var (
	errNoPicture = problem(http.StatusUnprocessableEntity, "no-picture", "There is no picture that can be shown")
	errUnfetched = problem(http.StatusBadGateway, "not-fetched", "The picture could not be fetched")
)

type picture struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func images(s service) {
	turns := make(chan struct{}, mostPictures)
	asking := newAllowances(s.Now, 200*time.Millisecond, 200)
	route(s, op{
		name: "image", method: http.MethodGet, path: "/images", tag: sendingPart, access: forSession, time: 30 * time.Second,
		answer: map[string]*huma.MediaType{"image/png": octets("image/png")["image/png"], "image/jpeg": octets("image/jpeg")["image/jpeg"]},
		about:  "Fetches a picture of a mail in its reader's place, without cookies or referrer, and paints it anew.",
	}, func(ctx context.Context, in *struct {
		URL string `query:"url" required:"true" maxLength:"4000"`
	}) (*picture, error) {
		if s.Sending.Images == nil {
			return nil, notFound()
		}
		if wait := asking.take(string(who(ctx).ID), 1); wait > 0 {
			return nil, slowDown(1)
		}
		kind, text, err := fetchPicture(ctx, s.Sending.Images, in.URL, turns)
		if err != nil {
			return nil, err
		}
		return &picture{kind, "private, max-age=3600", text}, nil
	})
}

// fetchPicture returns errors without a word of the URL or the host.
func fetchPicture(ctx context.Context, client *http.Client, place string, turns chan struct{}) (kind string, painted []byte, err error) {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", nil, badInput("url: expected an https URL")
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTime)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return "", nil, badInput("url: expected an https URL")
	}
	q.Header.Set("Accept", "image/png, image/jpeg, image/gif, image/webp")
	q.Header.Set("User-Agent", "Mozilla/5.0 (image proxy)")
	a, err := client.Do(q)
	if err != nil {
		return "", nil, errUnfetched
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return "", nil, errUnfetched
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, mostPicture+1))
	switch {
	case err != nil:
		return "", nil, errUnfetched
	case len(text) > mostPicture:
		return "", nil, errNoPicture
	}
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return "", nil, tryAgain()
	}
	return paint(text)
}

// painters are the forms that are read. What a picture is its bytes say, not its server.
var painters = map[string]struct {
	size  func(io.Reader) (image.Config, error)
	paint func(io.Reader) (image.Image, error)
}{
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/gif":  {gif.DecodeConfig, gif.Decode}, // its first frame
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// paint decodes a picture of a bounded size and encodes it anew.
func paint(text []byte) (kind string, painted []byte, err error) {
	defer func() {
		if recover() != nil { // of a decoder; what it would say may quote the picture
			kind, painted, err = "", nil, errNoPicture
		}
	}()
	form, ok := painters[http.DetectContentType(text)]
	if !ok {
		return "", nil, errNoPicture
	}
	size, err := form.size(bytes.NewReader(text))
	if err != nil || size.Width < 1 || size.Height < 1 || int64(size.Width)*int64(size.Height) > mostPixels {
		return "", nil, errNoPicture
	}
	shown, err := form.paint(bytes.NewReader(text))
	if err != nil {
		return "", nil, errNoPicture
	}
	var out bytes.Buffer
	kind = "image/png"
	if _, photo := shown.(*image.YCbCr); photo {
		kind, err = "image/jpeg", jpeg.Encode(&out, shown, &jpeg.Options{Quality: 88})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, shown)
	}
	if err != nil {
		return "", nil, errNoPicture
	}
	return kind, out.Bytes(), nil
}

// PictureClient makes a client of one that reaches no private address: it follows a few
// redirects to other https hosts, each looked at as the first, and keeps no cookies.
func PictureClient(guarded *http.Client) *http.Client {
	c := *guarded
	c.Jar = nil
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 || r.URL.Scheme != "https" || r.URL.User != nil {
			return errors.New("redirected too far")
		}
		r.Header.Del("Referer")
		return nil
	}
	return &c
}

//go:build race

package pgp

// raceDetector thins out what the detector would make slow.
const raceDetector = true

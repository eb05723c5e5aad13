package filestore

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
)

// An Info is a file as the API describes it: https://ai.google.dev/api/files#File
type Info struct {
	Name        string      `json:"name"`
	DisplayName string      `json:"displayName,omitempty"`
	MIME        string      `json:"mimeType"`
	Size        string      `json:"sizeBytes"`
	Created     string      `json:"createTime"`
	Updated     string      `json:"updateTime"`
	Expiration  string      `json:"expirationTime"`
	SHA256      string      `json:"sha256Hash"` // base64 of the hexadecimal digits, as the API has it
	URI         string      `json:"uri"`
	State       string      `json:"state"`
	Source      string      `json:"source"`
	Error       *fileStatus `json:"error,omitempty"`
}

type fileStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

const fileTimeFormat = "2006-01-02T15:04:05.000000Z"

// Info describes the file to a caller that knows the server by an address.
func (f *File) Info(origin string) Info {
	i := Info{
		Name: "files/" + f.ID, DisplayName: f.DisplayName, MIME: f.MIME, Size: strconv.FormatInt(f.Size, 10),
		Created: f.Created.UTC().Format(fileTimeFormat), Updated: f.Created.UTC().Format(fileTimeFormat),
		Expiration: f.Expires.UTC().Format(fileTimeFormat),
		SHA256:     base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(f.Sum))),
		URI:        origin + "/v1beta/files/" + f.ID,
		State:      f.State(), Source: "UPLOADED",
	}
	if i.State == "FAILED" {
		i.Error = &fileStatus{3, "The file could not be processed."}
	}
	return i
}

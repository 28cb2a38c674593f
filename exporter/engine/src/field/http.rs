//! Fields of HTTP messages. A response has those of the request that it answers too, as far as that is known.

use super::{Context, Field, Kinds, Read, Scalar, Type, read::MadeVisitor};
use crate::net::http::{Headers, Request, Response};

type Visit<'v> = MadeVisitor<'v>;

const fn request(name: &'static str, kind: Type, read: Read, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::HTTP, read, doc)
}

const fn response(name: &'static str, kind: Type, read: Read, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::RESPONSE, read, doc)
}

#[rustfmt::skip] // a table reads best as one
pub(super) const FIELDS: &[Field] = &[
    request("http.method", Type::Text, Read::Event(method), "GET, POST, ... as sent (ours)"),
    request("http.target", Type::Text, Read::Event(target), "what was asked for, as in the request line (ours)"),
    request("http.path", Type::Path, Read::EventMade(path), "the path, percent-decoded once, without the query (ours)"),
    request("http.path.raw", Type::Text, Read::Event(path_raw), "the path as sent (ours)"),
    request("http.query", Type::Text, Read::Event(query), "what follows the ?, as sent (ours)"),
    request("http.args", Type::Text, Read::EventNamed(args, args_whole), "values of the query's and a form's arguments, decoded; [id] those named id (ours)"),
    request("http.args.name", Type::Text, Read::EventMany(arg_names), "names of the arguments as sent in the query (ours)"),
    request("http.header", Type::Text, Read::EventNamed(header, head), "values of the request's headers; [user-agent] those of that name (ours)"),
    request("http.header.name", Type::Text, Read::EventMany(header_names), "names of the request's headers, as sent (ours)"),
    request("http.trailer", Type::Text, Read::EventNamed(trailer, trailers), "values of the headers that follow the request's chunked body; [x-checksum] those of that name (ours)"),
    request("http.cookie", Type::Text, Read::EventNamed(cookie, head), "values of cookies; [session] those of that name (ours)"),
    request("http.host", Type::Text, Read::Event(host), "who is asked, without the port (ours)"),
    request("http.version", Type::Text, Read::EventMade(version), "version of the request: 1.0, 1.1 (ours)"),
    request("http.body", Type::Text, Read::Event(body), "the request's body, unpacked, as far as max_bytes_per_message goes (ours)"),
    request("http.body.length", Type::Number, Read::Event(body_length), "bytes of the request's body that passed (ours)"),
    request("http.oddity", Type::Text, Read::EventMany(oddities), "what is wrong with the message: content-length-differs, header-folding, ... (ours)"),
    request("http.is_truncated", Type::Flag, Read::Event(is_truncated), "whether the message is longer than what is read of it (ours)"),
    request("http.is_partial", Type::Flag, Read::Event(is_partial), "whether bytes of the message are missing (ours)"),
    response("http.status", Type::Number, Read::Event(status), "404, ... (ours)"),
    response("http.reason", Type::Text, Read::Event(reason), "Not Found, ... may be empty (ours)"),
    response("http.response.header", Type::Text, Read::EventNamed(response_header, response_head), "values of the response's headers; [server] those of that name (ours)"),
    response("http.response.trailer", Type::Text, Read::EventNamed(response_trailer, response_trailers), "values of the headers that follow the response's chunked body (ours)"),
    response("http.response.version", Type::Text, Read::EventMade(response_version), "version of the response (ours)"),
    response("http.response.body", Type::Text, Read::Event(response_body), "the response's body, unpacked, as far as max_bytes_per_message goes (ours)"),
    response("http.response.body.length", Type::Number, Read::Event(response_body_length), "bytes of the response's body that passed (ours)"),
];

fn asked<'a>(context: &Context<'a>) -> Option<&'a Request> {
    context.traffic()?.request().map(|request| &**request)
}

fn answered<'a>(context: &Context<'a>) -> Option<&'a Response> {
    context.traffic()?.response().map(|response| &**response)
}

fn method<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(asked(context)?.method().into())
}

fn target<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(asked(context)?.target().into())
}

fn path(context: &Context<'_>, visit: Visit<'_>) -> bool {
    asked(context).is_some_and(|request| visit(Scalar::Text(&request.path())))
}

fn path_raw<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(asked(context)?.path_raw().into())
}

fn query<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(asked(context)?.query())
        .filter(|query| !query.is_empty())
        .map(Into::into)
}

fn args(context: &Context<'_>, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    let Some(request) = asked(context) else { return false };
    match wanted {
        None => context
            .scratch
            .borrow_mut()
            .args(request)
            .any(|value| visit(value.into())),
        Some(wanted) => request
            .args()
            .any(|(name, value)| *wanted == *name && visit(Scalar::Text(&value))),
    }
}

fn args_whole(context: &Context<'_>, visit: Visit<'_>) -> bool {
    let Some(request) = asked(context) else { return false };
    visit(context.scratch.borrow_mut().all_args(request).into())
}

fn arg_names<'a>(context: &Context<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    let Some(request) = asked(context) else { return false };
    let mut pairs = request
        .query()
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs.any(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        visit(Scalar::Text(&pair[..end]))
    })
}

fn values(headers: &Headers, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    match wanted {
        None => headers.iter().any(|(_, value)| visit(value.into())),
        Some(wanted) => headers.all(wanted).any(|value| visit(value.into())),
    }
}

fn header(context: &Context<'_>, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    asked(context).is_some_and(|request| values(&request.headers, wanted, visit))
}

/// The head, in which all headers are, and with them the cookies.
fn head(context: &Context<'_>, visit: Visit<'_>) -> bool {
    asked(context).is_some_and(|request| visit(request.headers.text().into()))
}

fn trailer(context: &Context<'_>, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    asked(context).is_some_and(|request| values(&request.trailers, wanted, visit))
}

fn trailers(context: &Context<'_>, visit: Visit<'_>) -> bool {
    asked(context).is_some_and(|request| visit(request.trailers.text().into()))
}

fn header_names<'a>(context: &Context<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    asked(context).is_some_and(|request| request.headers.iter().any(|(name, _)| visit(Scalar::Text(name))))
}

fn cookie(context: &Context<'_>, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    let Some(request) = asked(context) else { return false };
    let mut cookies = request.cookies();
    cookies.any(|(name, value)| wanted.is_none_or(|wanted| wanted == name) && visit(Scalar::Text(value)))
}

fn host<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    asked(context)?.host().map(|host| Scalar::Text(without_port(host)))
}

/// `example.org:80` and `[::1]:80` without what follows the last colon outside of brackets.
fn without_port(host: &[u8]) -> &[u8] {
    let end = match host.iter().rposition(|byte| matches!(byte, b':' | b']')) {
        Some(at) if host[at] == b':' => at,
        _ => host.len(),
    };
    &host[..end]
}

fn version(context: &Context<'_>, visit: Visit<'_>) -> bool {
    asked(context).is_some_and(|request| visit(Scalar::Text(request.version.to_string().as_bytes())))
}

fn body<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(asked(context)?.body.bytes.as_slice())
        .filter(|body| !body.is_empty())
        .map(Into::into)
}

fn length<'a>(bytes: u64) -> Option<Scalar<'a>> {
    Some(Scalar::Number(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

fn body_length<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    length(asked(context)?.body.length)
}

fn oddities<'a>(context: &Context<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    let oddities = match (answered(context), asked(context)) {
        (Some(response), _) => response.oddities,
        (None, Some(request)) => request.oddities,
        (None, None) => return false,
    };
    oddities.iter().any(|oddity| visit(oddity.name().into()))
}

fn is_truncated<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match answered(context) {
        Some(response) => Some(response.truncated.into()),
        None => Some(asked(context)?.truncated.into()),
    }
}

fn is_partial<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match answered(context) {
        Some(response) => Some(response.partial.into()),
        None => Some(asked(context)?.partial.into()),
    }
}

fn status<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(u32::from(answered(context)?.status).into())
}

fn reason<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(answered(context)?.reason().into())
}

fn response_header(context: &Context<'_>, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    answered(context).is_some_and(|response| values(&response.headers, wanted, visit))
}

fn response_head(context: &Context<'_>, visit: Visit<'_>) -> bool {
    answered(context).is_some_and(|response| visit(response.headers.text().into()))
}

fn response_trailer(context: &Context<'_>, wanted: Option<&[u8]>, visit: Visit<'_>) -> bool {
    answered(context).is_some_and(|response| values(&response.trailers, wanted, visit))
}

fn response_trailers(context: &Context<'_>, visit: Visit<'_>) -> bool {
    answered(context).is_some_and(|response| visit(response.trailers.text().into()))
}

fn response_version(context: &Context<'_>, visit: Visit<'_>) -> bool {
    answered(context).is_some_and(|response| visit(Scalar::Text(response.version.to_string().as_bytes())))
}

fn response_body<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(answered(context)?.body.bytes.as_slice())
        .filter(|body| !body.is_empty())
        .map(Into::into)
}

fn response_body_length<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    length(answered(context)?.body.length)
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn a_port_is_not_the_host() {
        for (host, alone) in [
            ("example.org", "example.org"),
            ("example.org:80", "example.org"),
            ("[::1]", "[::1]"),
            ("[::1]:80", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(host.as_bytes()), alone.as_bytes());
        }
    }
}

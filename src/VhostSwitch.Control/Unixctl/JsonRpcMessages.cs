using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace VhostSwitch.Control.Unixctl;

/// <summary>A request as unixctl uses JSON-RPC: a method and arguments that are strings.</summary>
/// <param name="Id">The caller's mark, any JSON value, which the reply repeats.</param>
/// <param name="Method">The command.</param>
/// <param name="Arguments">Its arguments; null when one of them is no string.</param>
internal sealed record JsonRpcRequest(JsonElement Id, string Method, string[]? Arguments)
{
    /// <summary>Reads a request.</summary>
    /// <exception cref="UnixctlException">The object is no request, for example a notification, which has no id.</exception>
    public static JsonRpcRequest Read(JsonElement message)
    {
        try
        {
            if (!message.TryGetProperty("id", out var id) || id.ValueKind == JsonValueKind.Null
                || !message.TryGetProperty("method", out var method) || method.ValueKind != JsonValueKind.String
                || !message.TryGetProperty("params", out var parameters) || parameters.ValueKind != JsonValueKind.Array)
                throw new UnixctlException("a message is no request");
            var arguments = parameters.EnumerateArray();
            bool areStrings = arguments.All(argument => argument.ValueKind == JsonValueKind.String);
            return new JsonRpcRequest(id, method.GetString()!, areStrings ? [.. arguments.Select(argument => argument.GetString()!)] : null);
        }
        catch (InvalidOperationException e)
        {
            // A string that is no UTF-8, or half of a surrogate pair: found only when it is read.
            throw new UnixctlException("a message has a string that is no text", e);
        }
    }

    /// <summary>Writes a request.</summary>
    public static ReadOnlyMemory<byte> Write(int id, string method, IReadOnlyList<string> arguments) => JsonRpcWriter.Write(writer =>
    {
        writer.WriteNumber("id", id);
        writer.WriteString("method", method);
        writer.WriteStartArray("params");
        foreach (string argument in arguments)
            writer.WriteStringValue(argument);
        writer.WriteEndArray();
    });
}

/// <summary>A reply: a result or an error, never both.</summary>
/// <param name="Result">The answer; null for an error.</param>
/// <param name="Error">Why there is none; null for a result.</param>
internal sealed record JsonRpcReply(string? Result, string? Error)
{
    /// <summary>Reads the reply to a request with a number as id.</summary>
    /// <exception cref="UnixctlException">The object is no such reply.</exception>
    public static JsonRpcReply Read(JsonElement message, int id)
    {
        try
        {
            if (message.TryGetProperty("id", out var replyId) && replyId.ValueKind == JsonValueKind.Number
                && replyId.TryGetInt32(out int number) && number == id
                && message.TryGetProperty("result", out var result) && message.TryGetProperty("error", out var error))
            {
                if (error.ValueKind == JsonValueKind.String) return new JsonRpcReply(null, error.GetString());
                if (error.ValueKind == JsonValueKind.Null && result.ValueKind == JsonValueKind.String)
                    return new JsonRpcReply(result.GetString(), null);
            }
        }
        catch (InvalidOperationException e)
        {
            throw new UnixctlException("the reply has a string that is no text", e);
        }
        throw new UnixctlException("the reply is none to this request");
    }

    /// <summary>Writes the reply to a request.</summary>
    public ReadOnlyMemory<byte> Write(JsonElement id) => JsonRpcWriter.Write(
        writer =>
        {
            writer.WritePropertyName("id");
            id.WriteTo(writer);
            WriteText(writer, "result", Result);
            WriteText(writer, "error", Error);
        },
        (Result ?? Error ?? "").Length);

    // In pieces, each of which is given room for the longest way to write it: for the whole that would be several times what it takes.
    private static void WriteText(Utf8JsonWriter writer, string name, string? text)
    {
        const int Piece = 256;
        writer.WritePropertyName(name);
        if (text is null)
        {
            writer.WriteNullValue();
            return;
        }
        var left = text.AsSpan();
        for (; left.Length > Piece; left = left[Piece..])
            writer.WriteStringValueSegment(left[..Piece], isFinalSegment: false);
        writer.WriteStringValueSegment(left, isFinalSegment: false);
        // As Open vSwitch's server does, because its client prints the text as it is.
        writer.WriteStringValueSegment(text is "" || text.EndsWith('\n') ? "" : "\n", isFinalSegment: true);
    }
}

/// <summary>Writes one JSON object.</summary>
internal static class JsonRpcWriter
{
    // The members around a text, and what its last piece may take.
    private const int FrameBytes = 2048;

    // Nobody puts this into a web page: quotes, of which answers are full, take two bytes each and not six.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="members">Writes what is in the object.</param>
    /// <param name="textLength">The length of a long text among it: the buffer is made for that, with a part of it for what is escaped, and hardly has to grow.</param>
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> members, int textLength = 0)
    {
        var buffer = new ArrayBufferWriter<byte>(FrameBytes + textLength + (textLength / 2));
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }
}

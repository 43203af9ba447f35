using System.Buffers;
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
    public ReadOnlyMemory<byte> Write(JsonElement id) => JsonRpcWriter.Write(writer =>
    {
        writer.WritePropertyName("id");
        id.WriteTo(writer);
        writer.WriteString("result", WithNewline(Result));
        writer.WriteString("error", WithNewline(Error));
    });

    // As Open vSwitch's server does, because its client prints the text as it is.
    private static string? WithNewline(string? text) => text is null or "" || text.EndsWith('\n') ? text : text + '\n';
}

/// <summary>Writes one JSON object.</summary>
internal static class JsonRpcWriter
{
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }
}

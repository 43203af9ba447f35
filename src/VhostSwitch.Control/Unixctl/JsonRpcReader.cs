using System.Text.Json;

namespace VhostSwitch.Control.Unixctl;

/// <summary>
/// Cuts a stream into the JSON objects that JSON-RPC 1.0 puts on it one after the other, without anything between them
/// (https://www.jsonrpc.org/specification_v1, section 2.1).
/// </summary>
/// <param name="stream">Where the bytes come from.</param>
/// <param name="maxBytes">The longest object, in bytes, white space before it included.</param>
internal sealed class JsonRpcReader(Stream stream, int maxBytes)
{
    // A command that people write; what is longer makes the buffer grow.
    private const int FirstBufferBytes = 512;

    private byte[] _buffer = new byte[Math.Min(FirstBufferBytes, maxBytes)];
    private int _count;

    /// <summary>Reads the next object.</summary>
    /// <returns>Null at the end of the stream.</returns>
    /// <exception cref="UnixctlException">What came is no object, is too long, or was cut off.</exception>
    public async ValueTask<JsonElement?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (TryTake(out var message)) return message;
            if (_count == maxBytes) throw new UnixctlException($"a message has more than {maxBytes} bytes");
            if (_count == _buffer.Length) Array.Resize(ref _buffer, Math.Min(2 * _buffer.Length, maxBytes));
            int read = await stream.ReadAsync(_buffer.AsMemory(_count), cancellation).ConfigureAwait(false);
            if (read == 0) return _count == 0 ? null : throw new UnixctlException("the connection ended within a message");
            _count += read;
        }
    }

    private bool TryTake(out JsonElement message)
    {
        message = default;
        int start = _buffer.AsSpan(0, _count).IndexOfAnyExcept(" \t\r\n"u8);
        if (start < 0)
        {
            _count = 0;
            return false;
        }
        // Checked first, because a number at the end of what has arrived might still go on: only objects end by themselves.
        if (_buffer[start] != '{') throw new UnixctlException("a message does not begin with '{'");
        var reader = new Utf8JsonReader(_buffer.AsSpan(start, _count - start), isFinalBlock: false, default);
        try
        {
            if (!JsonDocument.TryParseValue(ref reader, out var document)) return false;
            using (document)
                message = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new UnixctlException("a message is no JSON", e);
        }
        int end = start + (int)reader.BytesConsumed;
        _buffer.AsSpan(end, _count - end).CopyTo(_buffer);
        _count -= end;
        return true;
    }
}

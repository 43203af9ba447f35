using System.Net.Sockets;
using System.Text.Json;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>
/// A connection to <c>ovsdb-server</c>: JSON-RPC 1.0 on a Unix stream socket (RFC 7047, section 4). Requests of the server are answered here;
/// its notifications go to whoever made the connection. One call at a time.
/// </summary>
internal sealed class OvsdbConnection : IDisposable
{
    // Far more than any host has ports; a bound, so that a wrong server cannot fill the memory.
    private const int MaxMessageBytes = 256 * 1024 * 1024;

    private readonly NetworkStream _stream;
    private readonly JsonRpcReader _reader;
    private readonly Action<string, JsonElement> _notified;
    private Task<JsonElement?>? _next;
    private int _lastId = -1;

    private OvsdbConnection(Socket socket, Action<string, JsonElement> notified)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new JsonRpcReader(_stream, MaxMessageBytes);
        _notified = notified;
    }

    /// <summary>Connects.</summary>
    /// <param name="path">The server's socket.</param>
    /// <param name="notified">Told of each notification: its method and parameters.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="OvsdbException">Nobody listens there, or this user may not connect.</exception>
    public static async Task<OvsdbConnection> ConnectAsync(string path, Action<string, JsonElement> notified, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
            return new OvsdbConnection(socket, notified);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new OvsdbException(Path.Exists(path) ? $"{path} cannot be reached: {e.Message}" : $"there is no socket {path}", e);
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Asks and waits for the answer; what the server says meanwhile is handled first.</summary>
    /// <param name="method">The method.</param>
    /// <param name="parameters">Writes the elements of its parameters.</param>
    /// <param name="cancellation">Gives up; the connection is of no more use then.</param>
    /// <exception cref="OvsdbException">The server refuses it, or the connection ends.</exception>
    public async Task<JsonElement> CallAsync(string method, Action<Utf8JsonWriter> parameters, CancellationToken cancellation)
    {
        int id = ++_lastId;
        await SendAsync(JsonRpcWriter.Write(writer =>
        {
            writer.WriteNumber("id", id);
            writer.WriteString("method", method);
            writer.WriteStartArray("params");
            parameters(writer);
            writer.WriteEndArray();
        })).ConfigureAwait(false);
        while (true)
        {
            var message = await NextAsync().WaitAsync(cancellation).ConfigureAwait(false);
            _next = null;
            if (await HandleAsync(message).ConfigureAwait(false)) continue;
            if (!message.TryGetProperty("id", out var answered) || !answered.TryGetInt32(out int number) || number != id)
                throw new OvsdbException($"the database answered {method} with something else");
            if (message.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null)
                throw new OvsdbException($"the database refused {method}: {error.GetRawText()}");
            return message.TryGetProperty("result", out var result) ? result
                : throw new OvsdbException($"the database answered {method} with nothing");
        }
    }

    /// <summary>Waits until the server has said something, which is handled then, or until it is time for something else.</summary>
    /// <param name="limit">The longest wait.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="OvsdbException">The connection ends.</exception>
    public async Task WaitAsync(TimeSpan limit, CancellationToken cancellation)
    {
        var next = NextAsync();
        if (await Task.WhenAny(next, Task.Delay(limit, cancellation)).ConfigureAwait(false) != next)
        {
            cancellation.ThrowIfCancellationRequested();
            return;
        }
        var message = await next.ConfigureAwait(false);
        _next = null;
        if (!await HandleAsync(message).ConfigureAwait(false)) throw new OvsdbException("the database answered what was not asked");
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private Task<JsonElement> NextAsync()
    {
        // A read that was begun goes on until it brings a message, whoever waits for it then.
        _next ??= _reader.ReadAsync(CancellationToken.None).AsTask();
        return ReadAsync(_next);

        static async Task<JsonElement> ReadAsync(Task<JsonElement?> next)
        {
            try
            {
                return await next.ConfigureAwait(false) ?? throw new OvsdbException("the database has closed the connection");
            }
            catch (Exception e) when (e is UnixctlException or IOException or ObjectDisposedException)
            {
                throw new OvsdbException($"the connection to the database broke: {e.Message}", e);
            }
        }
    }

    // False for an answer.
    private async Task<bool> HandleAsync(JsonElement message)
    {
        if (!message.TryGetProperty("method", out var name) || name.ValueKind != JsonValueKind.String) return false;
        string method = name.GetString()!;
        var parameters = message.TryGetProperty("params", out var given) ? given : default;
        if (!message.TryGetProperty("id", out var id) || id.ValueKind == JsonValueKind.Null)
        {
            _notified(method, parameters);
            return true;
        }
        // The server asks for nothing but an echo (section 4.1.11), to hear whether this side is still there.
        await SendAsync(JsonRpcWriter.Write(writer =>
        {
            writer.WritePropertyName("id");
            id.WriteTo(writer);
            writer.WritePropertyName("result");
            if (method == "echo") parameters.WriteTo(writer);
            else writer.WriteNullValue();
            if (method == "echo") writer.WriteNull("error");
            else writer.WriteString("error", "unknown method");
        })).ConfigureAwait(false);
        return true;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> message)
    {
        try
        {
            await _stream.WriteAsync(message).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new OvsdbException($"the connection to the database broke: {e.Message}", e);
        }
    }
}

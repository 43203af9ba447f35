using System.Net.Sockets;

namespace VhostSwitch.Control.Unixctl;

/// <summary>A connection to a control socket, of this switch or of an Open vSwitch daemon. One call at a time.</summary>
public sealed class UnixctlClient : IDisposable
{
    // Far more than any switch has to say; a bound, so that a wrong server cannot fill the memory.
    private const int MaxReplyBytes = 256 * 1024 * 1024;

    private readonly NetworkStream _stream;
    private readonly JsonRpcReader _reader;
    private readonly string _path;
    private int _lastId = -1;

    private UnixctlClient(Socket socket, string path)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new JsonRpcReader(_stream, MaxReplyBytes);
        _path = path;
    }

    /// <summary>Connects to a path.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="UnixctlException">Nobody listens there, or this user may not connect.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task<UnixctlClient> ConnectAsync(string path, CancellationToken cancellation = default)
    {
        ControlSocketListener.CheckLength(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
            return new UnixctlClient(socket, path);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new UnixctlException(Reason(path, e), e);
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects to the first of several paths where somebody listens.</summary>
    /// <param name="paths">The paths, for example <see cref="ControlSocketPath.Defaults(string)"/>.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="UnixctlException">It is possible on none; the message has the reason for each.</exception>
    public static async Task<UnixctlClient> ConnectToFirstAsync(IReadOnlyList<string> paths, CancellationToken cancellation = default)
    {
        var reasons = new List<string>();
        foreach (string path in paths)
        {
            try
            {
                return await ConnectAsync(path, cancellation).ConfigureAwait(false);
            }
            catch (UnixctlException e)
            {
                reasons.Add(e.Message);
            }
        }
        throw new UnixctlException(
            $"{string.Join("; ", reasons)}; is vhost-switch running? Name its control socket with --socket PATH where it is another");
    }

    /// <summary>Asks for a command and waits for the answer.</summary>
    /// <param name="command">The command.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="cancellation">Gives up; the connection is of no more use then.</param>
    /// <returns>The answer; not empty ones end with a new line.</returns>
    /// <exception cref="UnixctlCommandException">The server refused the command.</exception>
    /// <exception cref="UnixctlException">The connection ended, or the other side does not speak this protocol.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<string> CallAsync(string command, IReadOnlyList<string> arguments, CancellationToken cancellation = default)
    {
        int id = ++_lastId;
        try
        {
            await _stream.WriteAsync(JsonRpcRequest.Write(id, command, arguments), cancellation).ConfigureAwait(false);
            var message = await _reader.ReadAsync(cancellation).ConfigureAwait(false)
                ?? throw new UnixctlException($"{_path} closed the connection without an answer to {command}");
            var reply = JsonRpcReply.Read(message, id);
            return reply.Result ?? throw new UnixctlCommandException(reply.Error!.TrimEnd('\n'));
        }
        catch (IOException e)
        {
            throw new UnixctlException($"the connection to {_path} broke before the answer to {command}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private static string Reason(string path, SocketException e) => e.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => $"nobody listens at {path}",
        SocketError.AccessDenied => $"no permission to connect to {path}",
        // .NET has no name of its own for "no such file".
        _ when !Path.Exists(path) => $"there is no control socket {path}",
        _ => $"{path} cannot be reached: {e.Message}",
    };
}

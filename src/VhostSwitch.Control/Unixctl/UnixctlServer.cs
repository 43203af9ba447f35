using System.Net.Sockets;
using System.Text;

namespace VhostSwitch.Control.Unixctl;

/// <summary>
/// A control socket that speaks Open vSwitch's unixctl, which is JSON-RPC 1.0 on a Unix stream socket, so that
/// <c>ovs-appctl -t PATH COMMAND</c> works as well as <c>vhost-switch ctl</c>. Several connections are served at once, each in
/// its own order; what one does wrong ends only that one.
/// </summary>
public sealed class UnixctlServer : IAsyncDisposable
{
    /// <summary>The most connections at once; more wait until one ends.</summary>
    public const int MaxConnections = 64;

    /// <summary>The longest request, in bytes: a command with arguments that people write.</summary>
    public const int MaxRequestBytes = 64 * 1024;

    // The pause before another try when no descriptor is left to accept with.
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(200);

    private readonly SortedDictionary<string, UnixctlCommand> _commands = new(StringComparer.Ordinal);
    private readonly Action<Exception> _faulted;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _free = new(MaxConnections, MaxConnections);
    private readonly Lock _lock = new();
    private readonly Dictionary<Task, Socket> _connections = [];
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private bool _stopped;

    /// <summary>Makes a server with the commands <c>list-commands</c> and <c>version</c> that does not listen yet.</summary>
    /// <param name="version">The answer to <c>version</c>.</param>
    /// <param name="faulted">
    /// Told, on any thread, about faults of this program or its host: a handler that threw something else than a refusal, no
    /// descriptor left.
    /// </param>
    public UnixctlServer(string version, Action<Exception> faulted)
    {
        _faulted = faulted;
        Register(new UnixctlCommand("list-commands", "", 0, 0, _ => ValueTask.FromResult(ListCommands())));
        Register(new UnixctlCommand("version", "", 0, 0, _ => ValueTask.FromResult(version)));
    }

    /// <summary>How long requests that are being answered may take when the server stops: one of them may be the one that stops it.</summary>
    internal TimeSpan StopLimit { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The socket's path; null before it listens.</summary>
    public string? Path { get; private set; }

    /// <summary>Adds a command.</summary>
    /// <param name="command">The command.</param>
    /// <exception cref="InvalidOperationException">The server listens already.</exception>
    /// <exception cref="ArgumentException">There is a command of that name.</exception>
    public void Register(UnixctlCommand command)
    {
        if (_listener is not null) throw new InvalidOperationException("commands are registered before the server listens");
        _commands.Add(command.Name, command);
    }

    /// <summary>Makes the socket at a path and serves it.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="UnixctlException">The socket cannot be made there; the message says what to change.</exception>
    public void Listen(string path) => Serve(ControlSocketListener.Listen(path), path);

    /// <summary>Makes the socket at the default place and serves it.</summary>
    /// <param name="filePrefix">DPDK's <c>--file-prefix</c>, which names the switch among several.</param>
    /// <exception cref="UnixctlException">The socket can be made at none of the default places.</exception>
    public void ListenAtDefault(string filePrefix)
    {
        var (socket, path) = ControlSocketListener.ListenOnFirst(ControlSocketPath.Defaults(filePrefix));
        Serve(socket, path);
    }

    /// <summary>Removes the socket, lets requests that are being answered end, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopped) return;
        _stopped = true;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _accepting.ConfigureAwait(false);
        if (_listener is not null)
        {
            _listener.Dispose();
            File.Delete(Path!);
        }
        List<KeyValuePair<Task, Socket>> open;
        lock (_lock)
            open = [.. _connections];
        var all = Task.WhenAll(open.Select(connection => connection.Key));
        if (await Task.WhenAny(all, Task.Delay(StopLimit)).ConfigureAwait(false) != all)
        {
            foreach (var (_, socket) in open)
                socket.Dispose();
        }
        _stopping.Dispose();
    }

    private void Serve(Socket listener, string path)
    {
        _listener = listener;
        Path = path;
        _accepting = Task.Run(AcceptAsync);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                await _free.WaitAsync(_stopping.Token).ConfigureAwait(false);
                var socket = await _listener!.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                lock (_lock)
                {
                    var serving = Task.Run(() => ServeAsync(socket));
                    _connections.Add(serving, socket);
                    _ = serving.ContinueWith(Ended, TaskScheduler.Default);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                _free.Release();
                _faulted(e);
                await Task.Delay(AcceptPause).ConfigureAwait(false);
            }
        }
    }

    private void Ended(Task serving)
    {
        lock (_lock)
            _connections.Remove(serving);
        if (serving.Exception is { } fault) _faulted(fault.InnerException!);
        _free.Release();
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        var reader = new JsonRpcReader(stream, MaxRequestBytes);
        try
        {
            while (await reader.ReadAsync(_stopping.Token).ConfigureAwait(false) is { } message)
            {
                var request = JsonRpcRequest.Read(message);
                var reply = await AnswerAsync(request).ConfigureAwait(false);
                // Not cancelled by stopping: the reply to "exit" still goes out.
                await stream.WriteAsync(reply.Write(request.Id)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is UnixctlException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client broke the protocol or went away, or the server stops: in each case this connection ends and nobody
            // is left to be told. Open vSwitch's server closes the connection as well.
        }
    }

    private async ValueTask<JsonRpcReply> AnswerAsync(JsonRpcRequest request)
    {
        if (!_commands.TryGetValue(request.Method, out var command))
            return Refused($"\"{request.Method}\" is not a valid command (use list-commands to see a list of valid commands)");
        if (request.Arguments is not { } arguments) return Refused($"\"{command.Name}\" command has non-string argument");
        if (arguments.Length < command.MinArguments) return Refused($"\"{command.Name}\" command requires at least {command.MinArguments} arguments");
        if (arguments.Length > command.MaxArguments) return Refused($"\"{command.Name}\" command takes at most {command.MaxArguments} arguments");
        try
        {
            return new JsonRpcReply(await command.Handler(arguments).ConfigureAwait(false), null);
        }
        catch (UnixctlCommandException e)
        {
            return Refused(e.Message);
        }
        catch (Exception e)
        {
            _faulted(e);
            return Refused($"\"{command.Name}\" failed: {e.Message}");
        }
    }

    private static JsonRpcReply Refused(string error) => new(null, error);

    private string ListCommands()
    {
        var text = new StringBuilder("The available commands are:\n");
        foreach (var command in _commands.Values)
            text.Append($"  {command.Name,-23} {command.Usage}".TrimEnd()).Append('\n');
        return text.ToString();
    }
}

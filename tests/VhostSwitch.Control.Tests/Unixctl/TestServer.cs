using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

/// <summary>A server with some commands, in a folder of its own, and a raw socket to it.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();

    private TestServer(TimeSpan stopLimit) => Server = new UnixctlServer("test 1.2", Faults.Add) { StopLimit = stopLimit };

    public UnixctlServer Server { get; }

    public ConcurrentBag<Exception> Faults { get; } = [];

    public string Path => _folder.File("ctl");

    public static TestServer Start(params UnixctlCommand[] commands) => Start(TimeSpan.FromSeconds(20), commands);

    /// <summary>With a command that never answers, stopping takes the whole limit.</summary>
    public static TestServer Start(TimeSpan stopLimit, params UnixctlCommand[] commands)
    {
        var test = new TestServer(stopLimit);
        test.Server.Register(new UnixctlCommand("echo", "[WORD]...", 0, 2, words => ValueTask.FromResult(string.Join('|', words))));
        test.Server.Register(new UnixctlCommand("refuse", "WHY", 1, 1, words => throw new UnixctlCommandException(words[0])));
        test.Server.Register(new UnixctlCommand("break", "", 0, 0, _ => throw new InvalidOperationException("a fault")));
        foreach (var command in commands)
            test.Server.Register(command);
        test.Server.Listen(test.Path);
        return test;
    }

    public Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(Path));
        return socket;
    }

    /// <summary>Sends text, closes that direction, and reads until the server closes.</summary>
    public async Task<string> ExchangeAsync(string text)
    {
        using var socket = Connect();
        // Made first: a socket that is half closed makes no stream.
        using var stream = new NetworkStream(socket);
        await socket.SendAsync(Encoding.UTF8.GetBytes(text));
        socket.Shutdown(SocketShutdown.Send);
        return await new StreamReader(stream).ReadToEndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Dispose();
    }
}

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Vhost.Tests.User;

public sealed class ClientEndpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vhost-").FullName;
    private readonly ConcurrentQueue<string> _notes = new();
    private readonly ConcurrentQueue<(string? Reason, bool AsBefore)> _ends = new();
    private readonly LoopThread _control = new();
    private readonly StandingClock _clock = new();
    private ClientEndpoint? _endpoint;

    private string Path => System.IO.Path.Combine(_folder, "s");

    public void Dispose()
    {
        if (_control.Failure is null && _endpoint is not null) _control.Do(_endpoint.Dispose);
        _control.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void SaysOnceWhatItWaitsForAndConnectsWhenThatIsThere()
    {
        Connect();
        NotedLast("waiting for a front-end: there is no PATH yet");
        PutInPlace(path => File.WriteAllText(path, ""));
        NotedLast("waiting for a front-end: PATH is no socket: have the front-end serve another path, or remove what is there");
        PutInPlace(path => SocketPath.Listen(path, 1).Dispose());
        NotedLast("waiting for a front-end: nobody listens at PATH");
        UnixSocket? listener = null, first = null;
        // A backlog of 0 has room for one.
        PutInPlace(path => (listener, first) = (UnixSocket.Listen(path, 0), UnixSocket.Connect(path, nonBlocking: true)));
        using (listener)
        using (first)
        {
            NotedLast("waiting for a front-end: who listens at PATH accepts no connection: it is busy, or serves somebody else");
            WaitForAnotherTry();
            Accept(listener!).Dispose();
            using var frontEnd = new FrontEndScript(Accept(listener!));
            Assert.NotEqual(0ul, frontEnd.Ask(FrontEndRequest.GetFeatures).Number);
        }
        Assert.Equal(4, _notes.Count);
    }

    [Fact]
    public void SaysThatItMayNotConnect()
    {
        // On the control thread alone, which is then nobody's: root may do everything.
        _control.Do(() => setfsuid(65534));
        using var listener = UnixSocket.Listen(Path, 1);
        var mode = File.GetUnixFileMode(_folder);
        File.SetUnixFileMode(_folder, UnixFileMode.None);
        Connect();
        NotedLast("waiting for a front-end: no permission to connect to PATH: let this user write to it and enter its folder, or start the front-end as the same user");
        File.SetUnixFileMode(_folder, mode | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        File.SetUnixFileMode(Path, UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite);
        Accept(listener).Dispose();
    }

    [Fact]
    public void BeginsAnewAfterAConnectionThatLasted()
    {
        Connect();
        NotedLast("waiting for a front-end: there is no PATH yet");
        for (int notes = 2; notes <= 3; notes++)
        {
            UnixSocket? listener = null;
            PutInPlace(path => listener = UnixSocket.Listen(path, 1));
            using (var frontEnd = new FrontEndScript(Accept(listener!)))
            {
                frontEnd.Ask(FrontEndRequest.GetFeatures);
                _clock.Advance(BackOff.Longest);
                listener!.Dispose();
                File.Delete(Path);
            }
            Until.True(() => _notes.Count == notes, "the same said again");
        }
        Assert.Single(_notes.Distinct());
        Assert.Equal([(null, false), (null, false)], _ends);
    }

    [Fact]
    public void WaitsLongerAndLongerForOneWhoHangsUpAtOnce()
    {
        using var listener = UnixSocket.Listen(Path, 1);
        Connect();
        for (int i = 0; i < 4; i++)
        {
            using var frontEnd = new FrontEndScript(Accept(listener));
            frontEnd.SendBytes("no vhost-user"u8);
            // The connection ends from the other side, for what was sent.
            Assert.Null(frontEnd.Receive());
        }
        using var last = new FrontEndScript(Accept(listener));
        Assert.Equal(BackOff.Longest, _control.Ask(_endpoint!.BackOff.Next));
        Assert.Equal([false, true, true, true], _ends.Select(end => end.AsBefore));
        Assert.StartsWith("message ", Assert.Single(_ends.Select(end => end.Reason).Distinct()), StringComparison.Ordinal);
        Assert.StartsWith("waiting for the next front-end: the last one was disconnected: message ", _control.Ask(() => _endpoint.Waiting), StringComparison.Ordinal);
        Assert.Empty(_notes);
        last.Ask(FrontEndRequest.GetFeatures);
        _clock.Advance(BackOff.Longest);
        last.Dispose();
        using var next = new FrontEndScript(Accept(listener));
        Assert.Equal(2 * BackOff.Shortest, _control.Ask(_endpoint.BackOff.Next));
    }

    [Fact]
    public void TheSocketStaysWhenNobodyConnectsToItAnyMore()
    {
        using var listener = UnixSocket.Listen(Path, 1);
        Connect();
        using var frontEnd = new FrontEndScript(Accept(listener));
        frontEnd.Ask(FrontEndRequest.GetFeatures);
        _control.Do(_endpoint!.Dispose);
        Assert.Null(frontEnd.Receive());
        Assert.True(UnixSocket.IsSocketFile(Path));
        WaitForAnotherTry();
        Assert.Null(listener.Accept());
    }

    [Fact]
    public void APathThatNoSocketCanHaveIsRefusedAtOnce() => Assert.Contains(
        "107 are the most",
        Assert.Throws<VhostException>(() => new ClientEndpoint(_control.Loop, Path + new string('x', 107), (_, _) => null!, (_, _) => { })).Message,
        StringComparison.Ordinal);

    private void Connect() => _control.Do(() =>
    {
        var options = new DeviceOptions(DeviceOptions.BasicFeatures, DeviceOptions.BasicProtocolFeatures, 1);
        _endpoint = new ClientEndpoint(
            _control.Loop,
            Path,
            (endpoint, socket) => endpoint.Open(socket, new Device(0, options, new Recorder())),
            (endpoint, session) => _ends.Enqueue((session.EndReason, endpoint.EndedAsBefore)),
            _clock);
        _endpoint.WaitingChanged += () => _notes.Enqueue(_endpoint.Waiting.Replace(Path, "PATH", StringComparison.Ordinal));
    });

    // In one step, so that nothing else is seen at the path.
    private void PutInPlace(Action<string> make)
    {
        make(Path + "0");
        File.Move(Path + "0", Path, overwrite: true);
    }

    private void NotedLast(string note) => Until.True(() => _notes.LastOrDefault() == note, note);

    private static UnixSocket Accept(UnixSocket listener)
    {
        UnixSocket? socket = null;
        Until.True(() => (socket = listener.Accept()) is not null, "a connection");
        return socket!;
    }

    // The tries are on the loop's timers as well: when one of the longest wait has ticked twice, there was one.
    private void WaitForAnotherTry()
    {
        int ticks = 0;
        var timer = _control.Ask(() => _control.Loop.Every(BackOff.Longest, () => ticks++));
        Until.True(() => Volatile.Read(ref ticks) == 2, "two ticks of the loop's timer");
        _control.Do(timer.Dispose);
    }

    [DllImport("libc")]
    private static extern int setfsuid(uint user);

    /// <summary>A clock that goes on only when it is told to.</summary>
    private sealed class StandingClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);

        public override long GetTimestamp() => Interlocked.Read(ref _now);
    }
}

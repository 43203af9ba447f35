using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Linux.Tests;

public sealed class UnixSocketTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vhost-").FullName;
    private readonly UnixSocket _first;
    private readonly UnixSocket _second;

    public UnixSocketTests() => (_first, _second) = UnixSocket.Pair();

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void CarriesDescriptorsBesideBytes()
    {
        using var fd = EventFd.Create();
        _first.Send([1, 2, 3], [fd.Number, fd.Number]);
        var received = new List<FileDescriptor>();
        byte[] buffer = new byte[3];
        Assert.Equal(SocketOutcome.Done, _second.Receive(buffer, received, out int count));
        Assert.Equal(3, count);
        Assert.Equal(2, received.Count);
        EventFd.Signal(received[1].Number);
        Assert.Equal(1ul, EventFd.Drain(fd.Number));
        received.ForEach(d => d.Dispose());
    }

    [Fact]
    public void TakesNoMoreBytesThanItIsAskedFor()
    {
        _first.Send([1, 2, 3], []);
        byte[] buffer = new byte[2];
        _second.Receive(buffer, [], out int count);
        Assert.Equal(2, count);
        _second.Receive(buffer, [], out count);
        Assert.Equal((1, 3), (count, buffer[0]));
    }

    [Fact]
    public void DescriptorsComeWithTheFirstBytesTheyWereSentWith()
    {
        using var fd = EventFd.Create();
        _first.Send([1], []);
        _first.Send([2], [fd.Number]);
        var received = new List<FileDescriptor>();
        _second.Receive(new byte[1], received, out _);
        Assert.Empty(received);
        _second.Receive(new byte[1], received, out _);
        Assert.Single(received);
        received.ForEach(d => d.Dispose());
    }

    [Fact]
    public void OwnsEveryDescriptorOfAMessageThatHasTooMany()
    {
        using var fd = EventFd.Create();
        int before = ProcessResources.OpenDescriptorsAtStart();
        _first.Send([1], [.. Enumerable.Repeat(fd.Number, UnixSocket.MaxDescriptors + 5)]);
        var received = new List<FileDescriptor>();
        Assert.Equal(SocketOutcome.Truncated, _second.Receive(new byte[1], received, out _));
        Assert.Equal(before + received.Count, ProcessResources.OpenDescriptors());
        received.ForEach(d => d.Dispose());
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }

    [Fact]
    public void SaysThatNothingIsThere() => Assert.Equal(SocketOutcome.WouldBlock, _second.Receive(new byte[1], [], out _));

    [Fact]
    public void SaysThatTheOtherSideIsGone()
    {
        _first.Dispose();
        Assert.Equal(SocketOutcome.Closed, _second.Receive(new byte[1], [], out _));
        Assert.Equal(SocketOutcome.Closed, _second.Send([1], []));
    }

    [Fact]
    public void SaysThatTheOtherSideDoesNotRead()
    {
        byte[] much = new byte[1 << 16];
        SocketOutcome outcome;
        do outcome = _first.Send(much, []);
        while (outcome == SocketOutcome.Done);
        Assert.Equal(SocketOutcome.WouldBlock, outcome);
    }

    [Fact]
    public void ListensWithAFileThatOnlyItsOwnerMayUse()
    {
        string path = Path.Combine(_folder, "s");
        using var listener = UnixSocket.Listen(path, 1);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Null(listener.Accept());
        using var client = UnixSocket.Connect(path, nonBlocking: true);
        using var server = listener.Accept();
        Assert.Equal(Environment.ProcessId, server!.Peer().ProcessId);
    }

    [Fact]
    public void LeavesNoDescriptorBehindWhenItCannotListen()
    {
        string path = Path.Combine(_folder, "s");
        using var listener = UnixSocket.Listen(path, 1);
        int before = ProcessResources.OpenDescriptorsAtStart();
        Assert.Equal(Errno.EADDRINUSE, Assert.Throws<LinuxException>(() => UnixSocket.Listen(path, 1)).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => UnixSocket.Connect(path + "x", nonBlocking: true)).Errno);
        Assert.Throws<ArgumentException>(() => UnixSocket.Listen(Path.Combine(_folder, new string('x', 200)), 1));
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }
}

namespace VhostSwitch.Linux.Tests;

public sealed class EventFdTests
{
    [Fact]
    public void CountsSignalsAndGivesThemOnce()
    {
        using var fd = EventFd.Create();
        Assert.Equal(0ul, EventFd.Drain(fd.Number));
        Assert.True(EventFd.Signal(fd.Number));
        Assert.True(EventFd.Signal(fd.Number));
        Assert.Equal(2ul, EventFd.Peek(fd.Number));
        Assert.Equal(2ul, EventFd.Drain(fd.Number));
        Assert.Equal(0ul, EventFd.Drain(fd.Number));
    }

    [Fact]
    public void KnowsAnEventFd()
    {
        using var fd = EventFd.Create();
        Assert.True(EventFd.IsEventFd(fd.Number));
    }

    [Fact]
    public void TakesNothingElseForAnEventFd()
    {
        using var memory = SharedMemory.Create("eventfd", 4096);
        Assert.False(EventFd.IsEventFd(memory.Number));
        var (first, second) = UnixSocket.Pair();
        using (first)
        using (second)
            Assert.False(EventFd.IsEventFd(first.Number));
    }

    [Fact]
    public void TakesNoFileForAnEventFdThatIsNamedLikeOne()
    {
        // A peer may hand over a pipe of that name, whose writer waits when it is full.
        string folder = Directory.CreateTempSubdirectory("vhost-").FullName;
        using (var file = File.OpenHandle(Path.Combine(folder, "anon_inode:[eventfd]"), FileMode.Create, FileAccess.ReadWrite))
            Assert.False(EventFd.IsEventFd((int)file.DangerousGetHandle()));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void SaysThatASignalWentNowhere() => Assert.False(EventFd.Signal(-1));

    [Fact]
    public void SignalsAPeerMoreOftenThanThereIsRoomForCompletions()
    {
        Assert.True(EventFd.PeerSignalsNeverWait);
        using var fd = EventFd.Create();
        for (int i = 0; i < 10_000; i++)
            Assert.True(EventFd.SignalPeer(fd.Number));
        Assert.Equal(10_000ul, EventFd.Drain(fd.Number));
    }

    // The window between asking a peer and writing to it, held open: what it is asked has no say in it.
    [Fact]
    public void DoesNotWaitForAPeerWhoseCountIsFull()
    {
        using var fd = new FileDescriptor(Libc.eventfd(0, Libc.EFD_CLOEXEC));
        ulong full = ulong.MaxValue - 1;
        unsafe
        {
            Assert.Equal(sizeof(ulong), Libc.write(fd.Number, &full, sizeof(ulong)));
        }
        int sent = 0;
        var thread = new Thread(() =>
        {
            for (int i = 0; i < 1000; i++)
                sent += PeerSignal.Send(fd.Number) ? 1 : 0;
        }) { IsBackground = true };
        thread.Start();
        bool ended = thread.Join(TimeSpan.FromSeconds(20));
        // Whoever waits goes on, so that the test itself can end.
        EventFd.Drain(fd.Number);
        Assert.True(ended, "a signal waits for its peer");
        Assert.Equal(1000, sent);
    }

    [Fact]
    public void ManyThreadsMaySignalPeers()
    {
        using var fd = EventFd.Create();
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 5_000; i++)
                Assert.True(EventFd.SignalPeer(fd.Number));
        });
        Assert.Equal(20_000ul, EventFd.Drain(fd.Number));
    }

    [Fact]
    public void SaysThatASignalToAPeerWentNowhere() => Assert.False(EventFd.SignalPeer(-1));
}

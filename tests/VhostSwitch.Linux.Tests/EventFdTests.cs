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
}

namespace VhostSwitch.Linux.Tests;

public sealed class EpollTests
{
    [Fact]
    public void ReportsTheTokenOfWhatIsReadable()
    {
        using var epoll = new Epoll();
        using var first = EventFd.Create();
        using var second = EventFd.Create();
        epoll.Add(first.Number, 0x1122_3344_5566_7788);
        epoll.Add(second.Number, 2);
        ulong[] tokens = new ulong[8];
        Assert.Equal(0, epoll.Wait(tokens, 0));
        EventFd.Signal(first.Number);
        Assert.Equal(1, epoll.Wait(tokens, 1000));
        Assert.Equal(0x1122_3344_5566_7788ul, tokens[0]);
        Assert.Equal(1, epoll.Wait(tokens, 0));
    }

    [Fact]
    public void ReportsAnEdgeOnceForEachSignalAndWithoutAReader()
    {
        using var epoll = new Epoll();
        using var fd = EventFd.Create();
        epoll.AddEdge(fd.Number, 1);
        ulong[] tokens = new ulong[8];
        for (int i = 0; i < 3; i++)
        {
            EventFd.Signal(fd.Number);
            Assert.Equal(1, epoll.Wait(tokens, 1000));
            Assert.Equal(0, epoll.Wait(tokens, 0));
        }
    }

    [Fact]
    public void ReportsNothingOfWhatWasRemoved()
    {
        using var epoll = new Epoll();
        using var fd = EventFd.Create();
        epoll.Add(fd.Number, 1);
        epoll.Remove(fd.Number);
        EventFd.Signal(fd.Number);
        Assert.Equal(0, epoll.Wait(new ulong[8], 0));
        Assert.Throws<LinuxException>(() => epoll.Remove(fd.Number));
    }

    [Fact]
    public void ReportsNoMoreThanThereIsRoomFor()
    {
        using var epoll = new Epoll();
        var fds = Enumerable.Range(0, 10).Select(_ => EventFd.Create()).ToArray();
        for (int i = 0; i < 10; i++)
        {
            epoll.Add(fds[i].Number, (ulong)i);
            EventFd.Signal(fds[i].Number);
        }
        Assert.Equal(3, epoll.Wait(new ulong[3], 0));
        Array.ForEach(fds, fd => fd.Dispose());
    }
}

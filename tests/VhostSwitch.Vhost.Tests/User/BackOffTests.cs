using VhostSwitch.Vhost.User;

namespace VhostSwitch.Vhost.Tests.User;

public sealed class BackOffTests
{
    [Fact]
    public void WaitsTwiceAsLongEachTimeUpToASecond()
    {
        var backOff = new BackOff();
        Assert.Equal([100, 200, 400, 800, 1000, 1000], Enumerable.Range(0, 6).Select(_ => backOff.Next().TotalMilliseconds));
        backOff.Reset();
        Assert.Equal(BackOff.Shortest, backOff.Next());
    }
}

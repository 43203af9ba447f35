using Xunit;

namespace VhostSwitch.Virtio.Tests;

public sealed class NotificationTests
{
    [Fact]
    public void AnEventIndexIsPassedWhenItIsAmongTheNewEntries()
    {
        var random = new Random(1);
        for (int i = 0; i < 100_000; i++)
        {
            int before = random.Next(65536), count = random.Next(0, 300), wanted = before + random.Next(-400, 400);
            bool expected = wanted >= before && wanted < before + count;
            Assert.Equal(expected, Notification.Passed((ushort)wanted, (ushort)(before + count), (ushort)before));
        }
    }

    [Theory]
    [InlineData(0, 0, 0, false)]
    [InlineData(0, 1, 0, true)]
    [InlineData(65535, 0, 65535, true)]
    [InlineData(0, 1, 65535, true)]
    [InlineData(1, 1, 65535, false)]
    public void TheEdgesAreRight(ushort wanted, ushort now, ushort before, bool expected) => Assert.Equal(expected, Notification.Passed(wanted, now, before));
}

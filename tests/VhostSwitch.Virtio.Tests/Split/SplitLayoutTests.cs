using VhostSwitch.Virtio.Split;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Split;

public sealed class SplitLayoutTests
{
    [Theory]
    [InlineData(0u, false)]
    [InlineData(1u, true)]
    [InlineData(3u, false)]
    [InlineData(256u, true)]
    [InlineData(32768u, true)]
    [InlineData(65536u, false)]
    [InlineData(0x8000_0000u, false)]
    [InlineData(uint.MaxValue, false)]
    public void ASizeIsAPowerOfTwoUpToItsLimit(uint size, bool valid) => Assert.Equal(valid, SplitLayout.IsValidSize(size));

    [Theory]
    [InlineData(1)]
    [InlineData(256)]
    [InlineData(32768)]
    public void PartsHaveTheSpecificationsLengths(int n)
    {
        Assert.Equal(16u * (uint)n, SplitLayout.DescriptorTableLength(n));
        Assert.Equal((2u * (uint)n) + 6, SplitLayout.AvailableLength(n));
        Assert.Equal((8u * (uint)n) + 6, SplitLayout.UsedLength(n));
        Assert.Equal(SplitLayout.AvailableLength(n) - 2, (uint)SplitLayout.UsedEventOffset(n));
        Assert.Equal(SplitLayout.UsedLength(n) - 2, (uint)SplitLayout.AvailEventOffset(n));
    }
}

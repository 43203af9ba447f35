using Xunit;

namespace VhostSwitch.Virtio.Tests;

public sealed class FeaturesTests
{
    [Fact]
    public void NamesAreTheSpecificationsLowestFirst() =>
        Assert.Equal(["CSUM", "BIT_4", "MRG_RXBUF", "VERSION_1", "BIT_63"], FeatureNames.Of(Features.Csum | (Features)(1UL << 4) | Features.MrgRxbuf | Features.Version1 | (Features)(1UL << 63)));

    [Theory]
    [InlineData(Features.None, 10)]
    [InlineData(Features.AnyLayout | Features.EventIdx, 10)]
    [InlineData(Features.MrgRxbuf, 12)]
    [InlineData(Features.Version1, 12)]
    [InlineData(Features.RingPacked, 12)]
    public void TheHeaderHasItsLength(Features features, int length) => Assert.Equal(length, NetHeader.LengthFor(features));

    [Fact]
    public void EveryFaultHasASentence()
    {
        foreach (var fault in Enum.GetValues<RingFault>())
        {
            string text = RingFaults.Describe(fault, 7, 256);
            Assert.NotEqual(fault.ToString(), text);
            Assert.Equal(char.ToLowerInvariant(text[0]), text[0]);
        }
    }
}

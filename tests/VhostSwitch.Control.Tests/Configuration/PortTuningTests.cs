using VhostSwitch.Control.Configuration;

namespace VhostSwitch.Control.Tests.Configuration;

public class PortTuningTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("32", 32)]
    [InlineData(null, null)]
    public void RetriesAreThoseAskedFor(string? text, int? retries)
    {
        var tuning = WithRetries(text);
        Assert.Equal(retries, tuning.Retries);
        Assert.Empty(tuning.Faults);
    }

    [Theory]
    [InlineData("33")]
    [InlineData("-1")]
    [InlineData("many")]
    public void OutOfRangeTheyAreOpenVswitchsDefault(string text)
    {
        var tuning = WithRetries(text);
        Assert.Equal(8, tuning.Retries);
        Assert.StartsWith($"options:tx-retries-max={text} was given", Assert.Single(tuning.Faults));
    }

    [Fact]
    public void AffinityIsQueueAndCore()
    {
        var tuning = PortTuning.Of(new WantedInterface("p0", "dpdkvhostuser") { QueueAffinity = "0:3, 1:5" });
        Assert.Equal(new Dictionary<int, int> { [0] = 3, [1] = 5 }, tuning.CoreOfQueue);
        Assert.Empty(tuning.Faults);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0:3,x:1")]
    [InlineData("0:-1")]
    [InlineData("0:1:2")]
    public void AffinityThatIsNoneHasNoEffect(string text)
    {
        var tuning = PortTuning.Of(new WantedInterface("p0", "dpdkvhostuser") { QueueAffinity = text });
        Assert.Empty(tuning.CoreOfQueue);
        Assert.Single(tuning.Faults);
    }

    private static PortTuning WithRetries(string? text) => PortTuning.Of(new WantedInterface("p0", "dpdkvhostuser")
    {
        Options = text is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["tx-retries-max"] = text },
    });
}

namespace VhostSwitch.Linux.Tests;

public sealed class ProcessorClockTests
{
    [Fact]
    public void TheCountersRateIsHalfOfTheBogomips()
    {
        string[] lines = ["processor\t: 0", "cpu MHz\t\t: 1500.000", "bogomips\t: 5192.24", "processor\t: 1", "bogomips\t: 5000.00"];
        Assert.Equal(2596.12, ProcessorClock.RateIn(lines)!.Value, 0.001);
    }

    [Theory]
    [InlineData("processor\t: 0")]
    [InlineData("BogoMIPS\t: 48.00")]
    [InlineData("bogomips\t: none")]
    [InlineData("bogomips\t: 0.00")]
    public void WhereItIsNotToldThereIsNone(string line) => Assert.Null(ProcessorClock.RateIn([line]));
}

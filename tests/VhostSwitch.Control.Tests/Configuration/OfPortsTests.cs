using VhostSwitch.Control.Configuration;

namespace VhostSwitch.Control.Tests.Configuration;

public class OfPortsTests
{
    private readonly OfPorts _ports = new();

    [Fact]
    public void CountsFromOne() => Assert.Equal((1, 2), (_ports.Take(null, null), _ports.Take(null, null)));

    [Fact]
    public void GivesWhatIsAskedForElseWhatWasBeforeWhereThatIsFree()
    {
        Assert.Equal(5, _ports.Take(5, 3));
        Assert.Equal(3, _ports.Take(null, 3));
        Assert.Equal(1, _ports.Take(5, 3));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65280)]
    [InlineData(OfPorts.Local)]
    public void NumbersThatArePortsOfNobodyAreNotGiven(int request) => Assert.Equal(1, _ports.Take(request, null));

    [Fact]
    public void ANumberThatWasGivenBackComesLast()
    {
        _ports.Return(_ports.Take(null, null));
        Assert.Equal(2, _ports.Take(null, null));
        Assert.Equal(1, _ports.Take(1, null));
    }
}

namespace VhostSwitch.Control.Tests.CommandLine;

public class CoreChoiceTests
{
    [Fact]
    public void AllButTheLowestPollByDefault()
    {
        var configuration = Line.Configuration("");
        Assert.Equal([1, 2, 3], configuration.PollCores);
        Assert.Equal([0], configuration.ControlCores);
    }

    [Fact]
    public void TheOnlyCorePollsByDefault()
    {
        var configuration = Line.Configuration("", 5);
        Assert.Equal([5], configuration.PollCores);
        Assert.Empty(configuration.ControlCores);
    }

    [Theory]
    [InlineData("-c 6", new[] { 1, 2 }, new[] { 0, 3 })]
    [InlineData("-c f", new[] { 0, 1, 2, 3 }, new int[0])]
    [InlineData("-l 0,3", new[] { 0, 3 }, new[] { 1, 2 })]
    [InlineData("--lcores 0-1", new[] { 0, 1 }, new[] { 2, 3 })]
    [InlineData("--lcores 0@1,1@1", new[] { 1 }, new[] { 0, 2, 3 })]
    [InlineData("--lcores (0-3)@2", new[] { 2 }, new[] { 0, 1, 3 })]
    [InlineData("--lcores (0,3)", new[] { 0, 3 }, new[] { 1, 2 })]
    [InlineData("--lcores 0@(2-3)", new[] { 2 }, new[] { 0, 1, 3 })]
    [InlineData("--lcores 9@3", new[] { 3 }, new[] { 0, 1, 2 })]
    public void EveryChosenCorePollsOnce(string options, int[] poll, int[] control)
    {
        var run = Line.Run(options);
        Assert.Equal(poll, run.Configuration.PollCores);
        Assert.Equal(control, run.Configuration.ControlCores);
        Assert.Empty(run.Notices);
    }

    [Fact]
    public void ACoreWithAChoiceLeavesTheOneWithoutItsOwn() => Assert.Equal([0, 1], Line.Configuration("--lcores 0@(0,1),1@0").PollCores);

    [Theory]
    [InlineData("-c ff", "-c ff: cores 4-7 are not present, polling on cores 0-3")]
    [InlineData("-c 18", "-c 18: core 4 is not present, polling on core 3")]
    [InlineData("-l 3-5,9", "-l 3-5,9: cores 4-5,9 are not present, polling on core 3")]
    [InlineData("--lcores 0@(3,4)", "--lcores 0@(3,4): core 4 is not present, polling on core 3")]
    public void CoresThatAreNotPresentAreLeftOutWithOneLine(string options, string notice) => Assert.Equal([notice], Line.Notices(options));

    [Theory]
    [InlineData("-l 7", "-l 7: core 7 is not present; this machine has cores 0-3")]
    [InlineData("--lcores 0@9", "--lcores 0@9: core 9 is not present; this machine has cores 0-3")]
    [InlineData("-c 30", "-c 30: cores 4-5 are not present; this machine has cores 0-3")]
    public void NoCoreLeftIsAnErrorThatNamesThePresentOnes(string options, string error) => Assert.Equal(error, Line.Error(options));

    [Theory]
    [InlineData("--main-lcore 3")]
    [InlineData("-l 1-2 --main-lcore 2")]
    [InlineData("-c 6 --master-lcore 1")]
    public void TheMainCoreMayBeAnyChosenOne(string options) => Assert.NotEmpty(Line.Configuration(options).PollCores);

    [Fact]
    public void TheMainCoreMayBeOneThatIsCut() => Assert.Equal([0, 1], Line.Configuration("-c f --main-lcore 3", 0, 1).PollCores);

    [Theory]
    [InlineData("-l 1-2 --main-lcore 3", "--main-lcore 3 is not among the chosen cores 1-2")]
    [InlineData("-l 1 --master-lcore 0", "--master-lcore 0 is not among the chosen core 1")]
    [InlineData("--main-lcore x", "Invalid argument for --main-lcore: 'x' was given, a core number is allowed")]
    public void TheMainCoreMustBeAChosenOne(string options, string error) => Assert.Equal(error, Line.Error(options));

    [Theory]
    [InlineData("-c f -l 1", "-c and -l both choose the cores: give one of them")]
    [InlineData("-l 1 --lcores 1", "-l and --lcores both choose the cores: give one of them")]
    public void CoresAreChosenInOneWayOnly(string options, string error) => Assert.Equal(error, Line.Error(options));
}

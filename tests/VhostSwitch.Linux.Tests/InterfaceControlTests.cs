namespace VhostSwitch.Linux.Tests;

public sealed class InterfaceControlTests
{
    [Fact]
    public void FindsAnInterfaceWithItsState()
    {
        using var control = new InterfaceControl();
        var lo = control.StateOf("lo");
        Assert.Equal((1, 0ul), (lo?.Index, lo?.Address));
        Assert.Contains("lo", InterfaceControl.Names());
        Assert.Equal("lo", control.NameOf(1));
    }

    [Theory]
    [InlineData("no-such-if")]
    [InlineData("a-name-that-is-longer-than-the-kernel-allows")]
    [InlineData("")]
    [InlineData("a/b")]
    public void WhatIsNoInterfaceIsNotThere(string name)
    {
        using var control = new InterfaceControl();
        Assert.Equal(0, control.IndexOf(name));
        Assert.Null(control.StateOf(name));
    }
}

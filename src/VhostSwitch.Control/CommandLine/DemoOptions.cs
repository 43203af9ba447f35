namespace VhostSwitch.Control.CommandLine;

/// <summary>What <c>vhost-switch demo</c> shall do.</summary>
/// <param name="Seconds">How long frames are exchanged, in seconds.</param>
/// <param name="FrameBytes">The size of each frame in bytes, without the check sequence that a wire would add.</param>
/// <param name="Json">True to print the result as JSON and nothing else.</param>
public sealed record DemoOptions(int Seconds, int FrameBytes, bool Json)
{
    /// <summary>The default of <see cref="Seconds"/>.</summary>
    public const int DefaultSeconds = 10;

    /// <summary>The default of <see cref="FrameBytes"/>.</summary>
    public const int DefaultFrameBytes = 64;

    /// <summary>The shortest frame Ethernet has, in bytes, without the check sequence.</summary>
    public const int MinFrameBytes = 60;

    /// <summary>The longest ordinary frame, in bytes, without the check sequence.</summary>
    public const int MaxFrameBytes = 1514;

    /// <summary>The longest run, in seconds: a day.</summary>
    public const int MaxSeconds = 86400;
}

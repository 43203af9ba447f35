using System.CommandLine;

namespace VhostSwitch.Control.CommandLine;

/// <summary>Reads <c>vhost-switch demo [options]</c>.</summary>
public static class DemoCommandLine
{
    private static readonly ValueOption Seconds = new("--seconds", "N",
        $"How long, 1 to {DemoOptions.MaxSeconds} seconds. Default: {DemoOptions.DefaultSeconds}.");
    private static readonly ValueOption Size = new("--size", "BYTES",
        $"Size of each frame, {DemoOptions.MinFrameBytes} to {DemoOptions.MaxFrameBytes} bytes. Default: {DemoOptions.DefaultFrameBytes}.");
    private static readonly FlagOption Json = new("--json", "Print the result as JSON.");

    /// <summary>The parser, also for <c>--help</c> and completion.</summary>
    internal static Command Command { get; } = new("demo",
        "Two built-in guests exchange numbered, checked frames through the switch. Exit code 1 when one is lost, changed or out of order.")
    {
        Seconds, Size, Json,
    };

    /// <summary>Reads the options.</summary>
    /// <param name="words">The words after <c>demo</c>.</param>
    /// <returns>The options; null when the user asked for help, which <see cref="SubcommandHelp"/> prints.</returns>
    /// <exception cref="CommandLineException">A value does not fit, or a word belongs to no option.</exception>
    public static DemoOptions? Parse(IReadOnlyList<string> words)
    {
        if (SubcommandHelp.IsAskedFor(words)) return null;
        var result = Command.Parse(words, new ParserConfiguration { ResponseFileTokenReplacer = null });
        SubcommandHelp.RefuseUnknown(Command, result);
        return new DemoOptions(
            Read(Seconds, result, 1, DemoOptions.MaxSeconds, DemoOptions.DefaultSeconds, "seconds"),
            Read(Size, result, DemoOptions.MinFrameBytes, DemoOptions.MaxFrameBytes, DemoOptions.DefaultFrameBytes, "bytes"),
            Json.IsGiven(result));
    }

    private static int Read(ValueOption option, ParseResult result, int min, int max, int @default, string unit)
    {
        if (option.Last(result) is not { } text) return @default;
        return DpdkNumber.TryRead(text, max, out int value) && value >= min
            ? value
            : throw new CommandLineException($"Invalid argument for {option.Name}: '{text}' was given, {min} to {max} {unit} are allowed");
    }
}

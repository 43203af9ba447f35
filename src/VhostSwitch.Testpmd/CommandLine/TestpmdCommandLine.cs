using System.CommandLine;
using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Testpmd.CommandLine;

/// <summary>Reads <c>testpmd [EAL options] -- [testpmd options]</c>.</summary>
internal static class TestpmdCommandLine
{
    private const string Separator = "--";

    /// <summary>Reads a command line.</summary>
    /// <param name="words">The words after the program's name.</param>
    /// <param name="coresPresent">The processors that this process may use, ascending; at least one.</param>
    /// <param name="notices">Receives lines for the user.</param>
    /// <param name="coresUsual">Of the processors, those that it runs on where nobody says otherwise; null for all of them.</param>
    /// <returns>What to do; null where the user asks for help.</returns>
    /// <exception cref="CommandLineException">An option is not known, or does not fit.</exception>
    /// <exception cref="TestpmdException">A value does not fit, or an option is not built.</exception>
    public static TestpmdConfiguration? Parse(
        IReadOnlyList<string> words, IReadOnlyList<int> coresPresent, List<string> notices, IReadOnlyList<int>? coresUsual = null)
    {
        var eal = new EalOptions("testpmd");
        var application = new TestpmdOptions();
        int at = words.TakeWhile(word => word != Separator).Count();
        // Without a separator all are EAL options, as with DPDK.
        string[] before = Complete(words.Take(at), eal), after = Complete(words.Skip(at + 1), application);
        if (before.Concat(after).Any(word => word is "--help" or "-h" or "-?")) return null;
        ParseResult ealResult = eal.Parse(before), applicationResult = application.Parse(after);
        eal.RefuseUnknown(ealResult, application, "after");
        application.RefuseUnknown(applicationResult, eal, "before");
        return application.Read(applicationResult, eal.Read(ealResult, coresPresent, coresUsual ?? coresPresent, notices), notices);
    }

    // A long option may be cut short as long as no other one begins so (getopt_long): --i is --interactive.
    private static string[] Complete(IEnumerable<string> words, OptionSet options) => [.. words.Select(word =>
    {
        if (!word.StartsWith(Separator, StringComparison.Ordinal) || word == Separator || options.IsName(word)) return word;
        int end = word.IndexOf('=', StringComparison.Ordinal);
        string name = end < 0 ? word : word[..end];
        string[] longer = [.. options.Names.Where(known => known.StartsWith(name, StringComparison.Ordinal))];
        return longer.Length == 1 ? longer[0] + word[name.Length..] : word;
    })];
}
